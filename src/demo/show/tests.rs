use super::*;

/// A tap that saw nothing: it answers every question with an empty table.
struct Blind;

impl Watching for Blind {
    fn url(&self) -> &str {
        "postgres://127.0.0.1:1/headwater"
    }
    fn is_alive(&self) -> bool {
        // Nothing will change: waiting for it to settle would be idle.
        false
    }
    fn ask(&self, _question: &str) -> Result<Table, TapError> {
        Ok(Table::default())
    }
    fn stop(self: Box<Self>) -> Result<u64, TapError> {
        Ok(0)
    }
}

fn run(options: &DemoOptions, stop: bool) -> (Result<Outcome, Error>, String, Option<TapConfig>) {
    let mut out = Vec::new();
    let mut seen = None;
    let start = |config: TapConfig| {
        seen = Some(config);
        Ok(Box::new(Blind) as Box<dyn Watching>)
    };
    let outcome = run_with(options, start, &mut out, &AtomicBool::new(stop));
    (outcome, String::from_utf8(out).unwrap(), seen)
}

#[test]
fn serving_says_the_url_first_and_judges_nothing() {
    let (outcome, said, config) = run(&DemoOptions { serve: true, ..DemoOptions::default() }, true);
    assert_eq!(outcome.unwrap(), Outcome::NotJudged);
    assert_eq!(said.lines().next(), Some("postgres://127.0.0.1:1/headwater"));
    let config = config.unwrap();
    assert_eq!(config.groups, ["order", "payment", "kitchen", "delivery", "loyalty"]);
    assert_eq!((config.brokers.len(), config.from), (BROKERS as usize, From::Earliest));
    assert!(!config.db.parent().unwrap().exists(), "the scratch directory is gone");
}

#[test]
fn a_tap_that_ends_by_itself_ends_the_demo() {
    let (outcome, _, _) = run(&DemoOptions::default(), false);
    assert!(matches!(outcome, Err(Error::TapEnded)));
}

#[test]
fn a_tap_that_saw_nothing_fails() {
    let company = Company::shipped().unwrap();
    let cluster = Cluster::in_process(&company).unwrap();
    let running = Running::open(company.clone(), 1, &cluster).unwrap();
    while running.book().counts().0 < 20 {
        running.rest(Duration::from_millis(10));
        std::thread::yield_now();
    }
    let ledger = running.close();
    let (_, verdict) = settle(&company, &ledger, &Standing::new(), &Blind).unwrap();
    assert_eq!(verdict.outcome(), Outcome::Fail);
    assert_eq!(verdict.unread as usize, ledger.records.len());
}

#[test]
fn a_file_that_exists_is_never_written_over() {
    let file = std::env::current_exe().unwrap();
    let (outcome, _, config) = run(&DemoOptions { keep: Some(file), ..DemoOptions::default() }, true);
    assert!(matches!(outcome, Err(Error::FileExists(_))));
    assert!(config.is_none());
}
