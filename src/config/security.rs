//! How the cluster is reached and who asks: Kafka's own settings, from four sources, brought to one name each.
//!
//! The name is librdkafka's, where Java's clients say the same in other words. What a setting means, and which ones go
//! together, the connection knows: `kafka::Security`.

use super::jaas::{self, Login};
use super::{ConfigError, DEFAULT_FILE, Words, client_properties, registry};
use crate::event::{ClientProperties, Secret};
use std::path::{Path, PathBuf};

/// `HEADWATER_KAFKA_SSL_CA_LOCATION` stands for `ssl.ca.location`: in small letters, a dot for every `_`.
const VARIABLE: &str = "HEADWATER_KAFKA_";

/// Settings that are taken, and the one name under which they are.
const TAKEN: &[(&str, &str)] = &[
    ("client.rack", "client.rack"),
    ("security.protocol", "security.protocol"),
    ("sasl.mechanism", "sasl.mechanism"),
    ("sasl.mechanisms", "sasl.mechanism"),
    ("sasl.username", "sasl.username"),
    ("sasl.password", "sasl.password"),
    ("ssl.ca.location", "ssl.ca.location"),
    ("ssl.truststore.location", "ssl.ca.location"),
    ("ssl.ca.pem", "ssl.ca.pem"),
    ("ssl.truststore.certificates", "ssl.ca.pem"),
    ("ssl.certificate.location", "ssl.certificate.location"),
    ("ssl.certificate.pem", "ssl.certificate.pem"),
    ("ssl.keystore.certificate.chain", "ssl.certificate.pem"),
    ("ssl.key.location", "ssl.key.location"),
    ("ssl.key.pem", "ssl.key.pem"),
    ("ssl.keystore.key", "ssl.key.pem"),
    ("ssl.endpoint.identification.algorithm", "ssl.endpoint.identification.algorithm"),
    ("enable.ssl.certificate.verification", "enable.ssl.certificate.verification"),
    ("ssl.enabled.protocols", "ssl.enabled.protocols"),
    ("sasl.oauthbearer.token.endpoint.url", "sasl.oauthbearer.token.endpoint.url"),
    ("sasl.oauthbearer.client.id", "sasl.oauthbearer.client.id"),
    ("sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.id"),
    ("sasl.oauthbearer.client.secret", "sasl.oauthbearer.client.secret"),
    ("sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.secret"),
    ("sasl.oauthbearer.scope", "sasl.oauthbearer.scope"),
    ("sasl.oauthbearer.extensions", "sasl.oauthbearer.extensions"),
    ("https.ca.location", "https.ca.location"),
    ("https.ca.pem", "https.ca.pem"),
    ("sasl.kerberos.service.name", "sasl.kerberos.service.name"),
    ("sasl.kerberos.principal", "sasl.kerberos.principal"),
    ("sasl.kerberos.keytab", "sasl.kerberos.keytab"),
    // Only Java's logins can name one; librdkafka takes that of KRB5CCNAME.
    ("sasl.kerberos.ticket.cache", "sasl.kerberos.ticket.cache"),
    ("schema.registry.url", "schema.registry.url"),
    ("basic.auth.credentials.source", "basic.auth.credentials.source"),
    ("schema.registry.basic.auth.credentials.source", "basic.auth.credentials.source"),
    ("basic.auth.user.info", "basic.auth.user.info"),
    ("schema.registry.basic.auth.user.info", "basic.auth.user.info"),
    ("bearer.auth.token", "bearer.auth.token"),
    ("schema.registry.bearer.auth.token", "bearer.auth.token"),
    ("schema.registry.ssl.ca.location", "schema.registry.ssl.ca.location"),
    ("schema.registry.ssl.truststore.location", "schema.registry.ssl.ca.location"),
    ("schema.registry.ssl.ca.pem", "schema.registry.ssl.ca.pem"),
    ("schema.registry.ssl.truststore.certificates", "schema.registry.ssl.ca.pem"),
];

/// Two ways to say one thing: whoever says it one way does not mean what a weaker source says the other way.
const ALTERNATIVES: &[(&str, &str)] = &[
    ("ssl.ca.location", "ssl.ca.pem"),
    ("ssl.certificate.location", "ssl.certificate.pem"),
    ("ssl.key.location", "ssl.key.pem"),
    ("https.ca.location", "https.ca.pem"),
    ("sasl.kerberos.keytab", "sasl.kerberos.ticket.cache"),
    ("schema.registry.ssl.ca.location", "schema.registry.ssl.ca.pem"),
    ("basic.auth.user.info", "bearer.auth.token"),
];

/// Settings that would change how the cluster is reached and that the tap does not follow.
const NOT_APPLIED: &[&str] = &[
    "security.providers",
    "socks.proxy",
    "ssl.cipher.suites",
    "ssl.crl.location",
    "ssl.curves.list",
    "ssl.engine.factory.class",
    "ssl.provider",
    "ssl.providers",
    "ssl.sigalgs.list",
    "ssl.trustmanager.algorithm",
];

/// Settings of clients that say nothing about reaching the cluster, by how they begin.
const ELSEWHERE: &[&str] = &[
    "acks",
    "allow.auto.create.topics",
    "api.version.",
    "auto.commit.",
    "auto.include.jmx.reporter",
    "auto.offset.reset",
    "auto.register.schemas",
    "avro.",
    "batch.",
    "broker.address.",
    "broker.version.fallback",
    "buffer.memory",
    "builtin.features",
    "check.crcs",
    "client.id",
    "client.software.",
    "compression.",
    "config.providers",
    "connections.max.idle.ms",
    "consume.",
    "coordinator.",
    "debug",
    "default.api.timeout.ms",
    "default.topic.config",
    "delivery.",
    "dr_",
    "enable.auto.",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.metrics.push",
    "enable.partition.eof",
    "enable.random.seed",
    "enable.sasl.oauthbearer.unsecure.jwt",
    "error_cb",
    "exclude.internal.topics",
    "fetch.",
    "group.",
    "heartbeat.interval.ms",
    "interceptor.classes",
    "internal.",
    "isolation.level",
    "json.",
    "key.",
    "latest.",
    "linger.ms",
    "log.",
    "log_level",
    "max.",
    "message.",
    "metadata.",
    "metric.reporters",
    "metrics.",
    "normalize.schemas",
    "offset.",
    "offset_commit_cb",
    "open_cb",
    "partition",
    "plugin.library.paths",
    "queue",
    "rebalance",
    "receive.buffer.bytes",
    "receive.message.max.bytes",
    "reconnect.",
    "request.",
    "retries",
    "retry.",
    "sasl.kerberos.kinit.cmd",
    "sasl.kerberos.min.time.before.relogin",
    "sasl.kerberos.ticket.renew.",
    "sasl.login.",
    "sasl.oauthbearer.clock.skew.seconds",
    "sasl.oauthbearer.expected.",
    "sasl.oauthbearer.header.urlencode",
    "sasl.oauthbearer.jwks.",
    "sasl.oauthbearer.jwt.retriever.class",
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.scope.claim.name",
    "sasl.oauthbearer.sub.claim.name",
    "send.buffer.bytes",
    "schema.reflection",
    "session.timeout.ms",
    "share.acknowledgement.mode",
    "socket.",
    "specific.",
    "ssl.keymanager.algorithm",
    "ssl.keystore.type",
    "ssl.protocol",
    "ssl.secure.random.implementation",
    "ssl.truststore.password",
    "ssl.truststore.type",
    "statistics.interval.ms",
    "sticky.",
    "stats_cb",
    "throttle_cb",
    "topic.",
    "transaction",
    "use.latest.version",
    "value.",
];

/// What one source says.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub properties: ClientProperties,
    /// `bootstrap.servers`
    pub brokers: Option<Vec<String>>,
    /// What its owner should know, as sentences.
    pub remarks: Vec<String>,
}

/// How the cluster is reached.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Bootstrap addresses, as they were said.
    pub brokers: Vec<String>,
    pub properties: ClientProperties,
    pub remarks: Vec<String>,
}

/// Lays the sources over each other, the strongest first: the environment, the file that was named, and of
/// `headwater.toml` its own table and the file that it names.
pub(super) fn reach(typed: &Words, written: &Words) -> Result<Reach, ConfigError> {
    let file = |path: &Option<PathBuf>| path.as_deref().map_or_else(|| Ok(Layer::default()), from_properties);
    let mut reach = Reach::default();
    let mut brokers = typed.brokers.clone();
    let mut own = layer(DEFAULT_FILE, written.kafka.clone())?;
    own.brokers = written.brokers.clone().or(own.brokers);
    let sources = [
        layer("the environment", typed.kafka.clone())?,
        file(&typed.client_properties)?,
        own,
        file(&written.client_properties)?,
    ];
    for source in sources {
        brokers = brokers.or(source.brokers);
        reach.properties = over(reach.properties, &source.properties);
        reach.remarks.extend(source.remarks);
    }
    reach.brokers = brokers.unwrap_or_default();
    Ok(reach)
}

/// The settings among the variables of the environment.
pub fn kafka_variables(variables: impl Iterator<Item = (String, String)>) -> Vec<(String, Secret)> {
    let setting = |(name, value): (String, String)| {
        let name = match name.strip_prefix(registry::VARIABLE) {
            Some(short) => registry::setting(&short.to_ascii_lowercase().replace('_', "-"))?.to_owned(),
            None => name.strip_prefix(VARIABLE)?.to_ascii_lowercase().replace('_', "."),
        };
        Some((name, Secret::new(value)))
    };
    let mut settings: Vec<_> = variables.filter_map(setting).collect();
    settings.sort_by(|a, b| a.0.cmp(&b.0));
    settings
}

/// The settings of `--client-properties`.
pub(super) fn from_properties(path: &Path) -> Result<Layer, ConfigError> {
    layer(&path.display().to_string(), client_properties::read(path)?)
}

/// The settings of `[cluster.kafka]`: `a.b = "c"` is a table of tables for TOML, and `a.b` for Kafka.
pub(super) fn flattened(table: toml::Value) -> Result<Vec<(String, Secret)>, ConfigError> {
    let toml::Value::Table(table) = table else {
        return Err(refused("kafka", "[[cluster]]", "it is not a table", "[cluster.kafka], with one setting a line"));
    };
    let mut settings = Vec::new();
    let mut open: Vec<(String, toml::Value)> = table.into_iter().collect();
    while let Some((name, value)) = open.pop() {
        let text = match value {
            toml::Value::Table(inner) => {
                open.extend(inner.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
                continue;
            }
            toml::Value::String(text) => text,
            toml::Value::Boolean(flag) => flag.to_string(),
            toml::Value::Integer(number) => number.to_string(),
            _ => return Err(refused(&name, "[cluster.kafka]", "it is not a text", "a text in quotes")),
        };
        settings.push((name, Secret::new(text)));
    }
    settings.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(settings)
}

/// Brings the settings of one source to one name each.
pub(super) fn layer(origin: &str, settings: Vec<(String, Secret)>) -> Result<Layer, ConfigError> {
    let mut layer = Layer::default();
    let mut login = None;
    for (name, value) in settings {
        let blank = value.expose().trim().is_empty();
        match name.as_str() {
            "bootstrap.servers" | "metadata.broker.list" => layer.brokers = Some(addresses(value.expose())),
            // One file that holds certificate and key.
            "ssl.keystore.location" => {
                layer.properties.set("ssl.certificate.location", value.clone());
                layer.properties.set("ssl.key.location", value);
            }
            // A file that is not encrypted needs no password, and one that is says so when it is read.
            "ssl.key.password" | "ssl.keystore.password" => {}
            "sasl.jaas.config" => login = Some(value),
            "client.dns.lookup" if value.expose() != "resolve_canonical_bootstrap_servers_only" => {}
            other => {
                if let Some((_, taken)) = TAKEN.iter().find(|(known, _)| *known == other) {
                    layer.properties.set(taken, value);
                } else if NOT_APPLIED.contains(&other) || other == "client.dns.lookup" {
                    if !blank {
                        layer.remarks.push(format!("{name} of {origin} is not applied: the tap goes without it"));
                    }
                } else if !ELSEWHERE.iter().any(|begin| other.starts_with(begin)) {
                    layer.remarks.push(format!("{name:?} of {origin} is not known and not applied; is it misspelt?"));
                }
            }
        }
    }
    if let Some(text) = login {
        let login = jaas::parse(text.expose());
        let login = login.ok_or_else(|| {
            let expected = "one login, such as org.apache.kafka.common.security.scram.ScramLoginModule required \
                            username=\"…\" password=\"…\";";
            refused("sasl.jaas.config", origin, "it is not one login module with its options", expected)
        })?;
        log_in(&mut layer.properties, login, origin)?;
    }
    Ok(layer)
}

/// Takes over what a JAAS login says. What stands beside it under a name of its own wins.
fn log_in(properties: &mut ClientProperties, login: Login, origin: &str) -> Result<(), ConfigError> {
    if login.module == "Krb5LoginModule" {
        return log_in_by_ticket(properties, &login, origin);
    }
    let mut extensions = Vec::new();
    for (name, value) in login.options {
        let taken = match (login.module.as_str(), name.as_str()) {
            ("PlainLoginModule" | "ScramLoginModule", "username") => "sasl.username",
            ("PlainLoginModule" | "ScramLoginModule", "password") => "sasl.password",
            ("OAuthBearerLoginModule", "clientId") => "sasl.oauthbearer.client.id",
            ("OAuthBearerLoginModule", "clientSecret") => "sasl.oauthbearer.client.secret",
            ("OAuthBearerLoginModule", "scope") => "sasl.oauthbearer.scope",
            ("OAuthBearerLoginModule", "ssl.truststore.location") => "https.ca.location",
            ("OAuthBearerLoginModule", "ssl.truststore.certificates") => "https.ca.pem",
            ("OAuthBearerLoginModule", other) if other.starts_with("extension_") => {
                extensions.push(format!("{}={}", &other["extension_".len()..], value.expose()));
                continue;
            }
            ("OAuthBearerLoginModule", other) if other.starts_with("unsecuredLogin") => {
                let reason = "it makes tokens that nobody signed";
                let expected =
                    "sasl.oauthbearer.token.endpoint.url: a token file as file:///PATH, or the token service";
                return Err(refused("sasl.jaas.config", origin, reason, expected));
            }
            ("PlainLoginModule" | "ScramLoginModule" | "OAuthBearerLoginModule", _) => continue,
            _ => {
                let expected = "PlainLoginModule, ScramLoginModule, OAuthBearerLoginModule or Krb5LoginModule";
                return Err(refused("sasl.jaas.config", origin, "the tap does not speak its login module", expected));
            }
        };
        if properties.get(taken).is_none() {
            properties.set(taken, value);
        }
    }
    if !extensions.is_empty() && properties.get("sasl.oauthbearer.extensions").is_none() {
        properties.set("sasl.oauthbearer.extensions", Secret::new(extensions.join(",")));
    }
    Ok(())
}

/// The same for Kerberos. Java asks the ticket cache before the keytab; who has a keytab needs no cache.
fn log_in_by_ticket(properties: &mut ClientProperties, login: &Login, origin: &str) -> Result<(), ConfigError> {
    let option = |name| login.options.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let says = |name| option(name).is_some_and(|value| value.expose().eq_ignore_ascii_case("true"));
    let keytab = option("keyTab").filter(|_| says("useKeyTab"));
    if says("useKeyTab") && keytab.is_none() {
        let expected = "keyTab=\"/PATH\" beside useKeyTab=true";
        return Err(refused("sasl.jaas.config", origin, "its Krb5LoginModule names no keytab", expected));
    }
    for (taken, value) in [
        ("sasl.kerberos.ticket.cache", option("ticketCache").filter(|_| keytab.is_none() && says("useTicketCache"))),
        ("sasl.kerberos.keytab", keytab),
        ("sasl.kerberos.principal", option("principal")),
        ("sasl.kerberos.service.name", option("serviceName")),
    ] {
        if let (Some(value), None) = (value, properties.get(taken)) {
            properties.set(taken, value);
        }
    }
    Ok(())
}

/// `upper`, and of `lower` what it does not speak of.
pub(super) fn over(mut upper: ClientProperties, lower: &ClientProperties) -> ClientProperties {
    let spoken_of = |name: &str| {
        let mut pairs = ALTERNATIVES.iter();
        let other = pairs.find_map(|&(a, b)| if a == name { Some(b) } else { (b == name).then_some(a) });
        upper.get(name).is_some() || other.is_some_and(|other| upper.get(other).is_some())
    };
    let kept: Vec<(String, Secret)> = lower
        .iter()
        .filter(|(name, _)| !spoken_of(name))
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect();
    for (name, value) in kept {
        upper.set(&name, value);
    }
    upper
}

/// Java lets a protocol stand before each address; what is spoken, `security.protocol` says.
fn addresses(list: &str) -> Vec<String> {
    let bare = |address: &str| address.trim().rsplit("://").next().unwrap_or_default().to_owned();
    list.split(',').map(bare).filter(|address| !address.is_empty()).collect()
}

fn refused(name: &str, origin: &str, reason: &str, expected: &'static str) -> ConfigError {
    ConfigError::Kafka { name: name.to_owned(), origin: origin.to_owned(), reason: reason.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(settings: &[(&str, &str)]) -> Layer {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value)));
        layer("client.properties", settings.collect()).unwrap()
    }

    fn shown(properties: &ClientProperties) -> Vec<(&str, &str)> {
        properties.iter().map(|(name, value)| (name, value.expose())).collect()
    }

    #[test]
    fn java_and_librdkafka_say_the_same() {
        let java = told(&[
            ("bootstrap.servers", "SASL_SSL://a:9093, b:9093"),
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.jaas.config", "x.ScramLoginModule required username=tap password=\"p;w\";"),
            ("ssl.truststore.type", "PEM"),
            ("ssl.truststore.location", "/ca.pem"),
            ("ssl.keystore.location", "/me.pem"),
            ("ssl.key.password", "unused"),
        ]);
        let librdkafka = told(&[
            ("metadata.broker.list", "a:9093,b:9093"),
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanisms", "SCRAM-SHA-512"),
            ("sasl.username", "tap"),
            ("sasl.password", "p;w"),
            ("ssl.ca.location", "/ca.pem"),
            ("ssl.certificate.location", "/me.pem"),
            ("ssl.key.location", "/me.pem"),
        ]);
        assert_eq!(shown(&java.properties), shown(&librdkafka.properties));
        assert_eq!(
            (java.brokers, librdkafka.brokers.unwrap().len()),
            (Some(vec!["a:9093".into(), "b:9093".into()]), 2)
        );
    }

    #[test]
    fn what_is_for_others_is_passed_over_and_what_nobody_knows_is_named() {
        let quiet =
            told(&[("group.id", "x"), ("enable.auto.commit", "false"), ("client.dns.lookup", "use_all_dns_ips")]);
        assert!(quiet.remarks.is_empty() && quiet.properties.is_empty(), "{:?}", quiet.remarks);
        let said = told(&[("sasl.pasword", "hunter2"), ("client.rack", "r1"), ("ssl.cipher.suites", "")]).remarks;
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("\"sasl.pasword\" of client.properties is not known") && !said[0].contains("hunter2"));
    }

    #[test]
    fn an_oauth_login_carries_client_scope_and_extensions() {
        let jaas = "x.OAuthBearerLoginModule required clientId=a clientSecret='b' scope=c extension_logicalCluster=d;";
        assert_eq!(
            shown(&told(&[("sasl.jaas.config", jaas)]).properties),
            [
                ("sasl.oauthbearer.client.id", "a"),
                ("sasl.oauthbearer.client.secret", "b"),
                ("sasl.oauthbearer.extensions", "logicalCluster=d"),
                ("sasl.oauthbearer.scope", "c"),
            ]
        );
        for (jaas, reason) in [
            ("x.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=alice;", "nobody signed"),
            ("x.LdapLoginModule required password=hunter2;", "does not speak"),
            ("x.Krb5LoginModule required useKeyTab=true principal=hunter2;", "names no keytab"),
            ("x.PlainLoginModule required password=hunter2", "not one login module"),
        ] {
            let settings = vec![("sasl.jaas.config".to_owned(), Secret::new(jaas))];
            let said = layer("f", settings).unwrap_err().to_string();
            assert!(said.contains(reason) && said.contains("; give ") && !said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn a_kerberos_login_is_the_same_from_java_and_from_librdkafka() {
        let java = |options: &str| {
            let jaas = format!("com.sun.security.auth.module.Krb5LoginModule required {options};");
            let mut layer = told(&[("sasl.jaas.config", &jaas), ("sasl.kerberos.service.name", "kafka")]);
            layer.properties.remove("sasl.kerberos.service.name").unwrap();
            layer.properties
        };
        let librdkafka = told(&[
            ("sasl.kerberos.keytab", "/tap.keytab"),
            ("sasl.kerberos.principal", "tap@R"),
            ("sasl.kerberos.kinit.cmd", "kinit"),
        ]);
        assert!(librdkafka.remarks.is_empty(), "{:?}", librdkafka.remarks);
        let keytab = "useKeyTab=true storeKey=true keyTab=\"/tap.keytab\" useTicketCache=true ticketCache=/c \
                      principal=\"tap@R\" serviceName=kafka";
        assert_eq!(java(keytab), librdkafka.properties);
        let cache = java("useTicketCache=true ticketCache=\"/tmp/tap\" keyTab=/unused");
        assert_eq!(shown(&cache), [("sasl.kerberos.ticket.cache", "/tmp/tap")]);
        assert!(java("useTicketCache=true").is_empty() && java("ticketCache=/unused").is_empty());
        let named = told(&[("sasl.jaas.config", "x.Krb5LoginModule required serviceName=kafka;")]).properties;
        assert_eq!(shown(&named), [("sasl.kerberos.service.name", "kafka")]);
        assert_eq!(told(&[("sasl.kerberos.keytb", "/k")]).remarks.len(), 1, "a misspelt name is told");
        let lower = told(&[("sasl.kerberos.ticket.cache", "/c")]).properties;
        assert_eq!(over(librdkafka.properties, &lower).get("sasl.kerberos.ticket.cache"), None);
    }

    #[test]
    fn a_stronger_source_wins_and_one_way_to_say_a_thing_hides_the_other() {
        let upper = told(&[("ssl.ca.pem", "PEM"), ("sasl.password", "new")]).properties;
        let lower = told(&[("ssl.ca.location", "/ca"), ("sasl.password", "old"), ("sasl.username", "u")]).properties;
        let both = over(upper, &lower);
        assert_eq!(shown(&both), [("sasl.password", "new"), ("sasl.username", "u"), ("ssl.ca.pem", "PEM")]);
    }

    #[test]
    fn the_environment_and_toml_name_the_same_settings() {
        let variables = [("HEADWATER_KAFKA_SSL_CA_LOCATION", "/ca"), ("HEADWATER_DB", "x"), ("PATH", "y")];
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(kafka_variables(variables), [("ssl.ca.location".to_owned(), Secret::new("/ca"))]);
        let table = toml::from_str("ssl.ca.location = '/ca'\n'sasl.username' = 'u'\n[a]\nb = true\n").unwrap();
        let names: Vec<String> = flattened(table).unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a.b", "sasl.username", "ssl.ca.location"]);
        let table = toml::from_str("sasl.password = ['hunter2']").unwrap();
        for (table, wanted) in [(table, "sasl.password of [cluster.kafka]"), ("hunter2".into(), "it is not a table")] {
            let said = flattened(table).unwrap_err().to_string();
            assert!(said.contains(wanted) && !said.contains("hunter2"), "{said}");
        }
    }
}
