//! `headwater check`: the doctor.

use super::{args, output, writing};
use crate::config;
use crate::event::clean;
use crate::tap::{self, Check, Verdict};
use serde_json::json;
use std::fmt::Write;
use std::process::ExitCode;

/// The exit code when the tap runs and sees less than it was asked to.
const LESS: u8 = 3;

/// Checks what `headwater tap` would do with the same words: each cluster, one after the other.
pub(super) fn run(args: args::Check) -> anyhow::Result<ExitCode> {
    let file = args.tap.config.clone();
    let resolved = config::tap(writing::words(args.tap), file.as_deref())?;
    for remark in &resolved.remarks {
        output::note(&format!("headwater: {}", clean(remark)));
    }
    let (mut less, mut cannot) = (false, false);
    for config in std::iter::once(&resolved.config).chain(&resolved.config.also) {
        let check = tap::check(config)?;
        output::print(&if args.json { as_json(&check) } else { as_text(&check) })?;
        less |= check.verdict == Verdict::Less;
        cannot |= check.verdict == Verdict::Cannot;
    }
    Ok(match (cannot, less) {
        (true, _) => ExitCode::from(super::FAILED),
        (false, true) => ExitCode::from(LESS),
        (false, false) => ExitCode::SUCCESS,
    })
}

fn as_json(check: &Check) -> String {
    let addresses: Vec<_> = check
        .addresses
        .iter()
        .map(|address| {
            json!({
                "address": address.address, "role": address.role, "broker": address.broker,
                "reached": address.failed_at.is_none(), "failed_at": address.failed_at, "reason": address.reason,
                "release": address.release, "lacks": address.lacks,
            })
        })
        .collect();
    let rights: Vec<_> = check
        .rights
        .iter()
        .map(|right| json!({"right": right.right, "held": right.held, "detail": right.detail}))
        .collect();
    let findings: Vec<_> = check
        .findings
        .iter()
        .map(|finding| json!({"severity": finding.verdict.as_str(), "what": finding.what, "command": finding.command}))
        .collect();
    crate::report::json::document(&json!({
        "verdict": check.verdict.as_str(),
        "cluster": check.cluster,
        "addresses": addresses,
        "rights": rights,
        "estimate": {
            "sentence": check.outlook, "bytes": check.bytes, "records": check.records, "topics": check.topics,
        },
        "registry": check.registry.as_ref().map(|registry| match registry {
            Ok(answer) => json!({
                "addresses": answer.addresses, "answers": true, "subjects": answer.subjects,
                "looked_at": answer.looked_at, "usable": answer.usable, "reason": answer.trouble,
            }),
            Err(reason) => json!({"answers": false, "reason": reason}),
        }),
        "findings": findings,
    }))
}

fn as_text(check: &Check) -> String {
    let mut out = format!("brokers of {}\n", check.cluster);
    let mut lacks: Vec<&str> = Vec::new();
    for address in &check.addresses {
        let who = address.broker.map_or(address.role.to_owned(), |broker| format!("{}, broker {broker}", address.role));
        let how = match (&address.failed_at, &address.reason) {
            (Some(step), Some(reason)) => format!("fails at {step}: {}", clean(reason)),
            _ => format!("ok, speaks Kafka {} or later", address.release.unwrap_or("?")),
        };
        let _ = writeln!(out, "  {} ({who})  {how}", clean(&address.address));
        for lack in &address.lacks {
            if !lacks.contains(lack) {
                lacks.push(lack);
            }
        }
    }
    for lack in lacks {
        let _ = writeln!(out, "  brokers lack: {lack}");
    }
    if !check.rights.is_empty() {
        out.push_str("rights\n");
    }
    for right in &check.rights {
        let _ = writeln!(out, "  {:<26} {:<8} {}", right.right, right.held, clean(&right.detail));
    }
    if let Some(outlook) = &check.outlook {
        let _ = writeln!(
            out,
            "to read\n  {outlook}\n  an earlier run in the database goes on where it stopped, and reads less"
        );
    }
    if let Some(Ok(registry)) = &check.registry {
        let _ = writeln!(
            out,
            "schema registry\n  {} answers: {} subjects; of {} that were looked at, the newest schema of {} can be used",
            clean(&registry.addresses.join(",")),
            registry.subjects,
            registry.looked_at,
            registry.usable
        );
    }
    if !check.findings.is_empty() {
        out.push_str("what is wrong\n");
    }
    for finding in &check.findings {
        let _ = writeln!(out, "  {}", clean(&finding.what));
        if let Some(command) = &finding.command {
            let _ = writeln!(out, "    {}", clean(command));
        }
    }
    out.push_str(match check.verdict {
        Verdict::Fine => "fine: the tap sees all that it was asked to\n",
        Verdict::Less => "the tap runs, and sees less than it was asked to\n",
        Verdict::Cannot => "the tap cannot run so; correct the above and check again\n",
    });
    out
}
