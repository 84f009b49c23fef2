use super::*;

struct Stage {
    company: Company,
    schedule: Schedule,
}

impl Stage {
    fn new() -> Self {
        let company = Company::shipped().unwrap();
        let schedule = Schedule::new(&company, 11);
        Self { company, schedule }
    }

    fn service(&self, name: &str) -> Behaviour<'_> {
        Behaviour { company: &self.company, schedule: &self.schedule, service: self.company.service(name).unwrap() }
    }

    /// The first order that suffers `kind`, or that suffers nothing.
    fn order(&self, kind: Option<FaultKind>) -> u64 {
        let of = |n| self.schedule.fault(n).map(|index| self.company.faults[index].kind);
        (0..10_000).find(|n| of(*n) == kind).expect("the seed has every kind of fault")
    }

    /// Plays order `number` through all services, in the order in which records are written.
    fn play(&self, number: u64) -> Vec<Heard> {
        let mut log = vec![lie(self.service("order").place(number, 1_000).unwrap(), 0)];
        let mut next = 0;
        while next < log.len() {
            let heard = log[next].clone();
            for service in &self.company.services {
                let hears = service.consumes.iter().any(|topic| **topic == *heard.at.topic);
                let action = if hears { self.service(&service.name).react(&heard, 2_000) } else { Action::Pass };
                let Action::Send(_, emissions) = action else { continue };
                for emission in emissions {
                    let offset = log.len() as i64;
                    log.push(lie(emission, offset));
                }
            }
            next += 1;
            assert!(log.len() < 100, "the company feeds on itself");
        }
        log
    }
}

fn lie(emission: Emission, offset: i64) -> Heard {
    Heard {
        at: Coordinates::new(&emission.topic, 0, offset),
        timestamp_ms: 1_000 + offset,
        key: emission.key.map(String::into_bytes),
        headers: emission.headers,
        value: emission.value,
    }
}

fn kinds(log: &[Heard]) -> Vec<String> {
    log.iter().map(|heard| decode(&heard.headers, &heard.value).map_or("?".into(), |event| event.kind)).collect()
}

#[test]
fn an_order_without_faults_becomes_ten_events_of_one_trace_with_every_cause_named() {
    let stage = Stage::new();
    let log = stage.play(stage.order(None));
    let events: Vec<_> = log.iter().map(|heard| decode(&heard.headers, &heard.value).unwrap()).collect();
    assert_eq!(events.len(), 10, "{:?}", kinds(&log));
    assert_eq!(events[0].causation.as_ref(), Some(&events[0].id));
    for event in &events[1..] {
        let cause = events.iter().find(|other| Some(&other.id) == event.causation.as_ref()).expect("its cause");
        assert_ne!(cause.id, event.id);
        assert_eq!(event.trace.unwrap().trace_id, events[0].trace.unwrap().trace_id);
        assert_ne!(event.trace.unwrap().span_id, cause.trace.unwrap().span_id);
        assert_eq!(event.correlation, events[0].correlation);
    }
}

#[test]
fn ordering_survives_a_loyalty_service_that_stands_still() {
    let stage = Stage::new();
    let events = kinds(&stage.play(stage.order(Some(FaultKind::Poison))));
    assert!(events.contains(&"order.completed".to_owned()));
    assert!(!events.contains(&"points.booked".to_owned()));
}

#[test]
fn each_fault_leaves_what_it_should() {
    let stage = Stage::new();
    let ends = |kind| {
        let log = stage.play(stage.order(Some(kind)));
        let dead = log.iter().filter(|heard| heard.at.topic.ends_with(".dlt")).count();
        let retries = log.iter().filter(|heard| heard.at.topic.ends_with("-retry")).count();
        (dead, retries, log.len())
    };
    assert_eq!(ends(FaultKind::RetryThenSuccess), (0, 1, 11));
    assert_eq!(ends(FaultKind::DeadLetterAfterRetries), (1, 2, 9));
    assert_eq!(ends(FaultKind::BareDeadLetter), (1, 0, 2));
    assert_eq!(ends(FaultKind::LostContextDeadLetter).0, 1);
    assert_eq!(ends(FaultKind::DropsContext), (0, 0, 10));
    assert_eq!(ends(FaultKind::UnhandledEvent), (0, 0, 11));
    let silent = ends(FaultKind::Silent);
    assert_eq!((silent.0, silent.1), (0, 0));
    assert!(silent.2 < 10);
}

#[test]
fn an_event_that_dropped_its_context_names_no_cause_and_begins_a_new_trace() {
    let stage = Stage::new();
    let log = stage.play(stage.order(Some(FaultKind::DropsContext)));
    let events: Vec<_> = log.iter().map(|heard| decode(&heard.headers, &heard.value).unwrap()).collect();
    let of = |kind: &str| events.iter().find(|event| event.kind == kind).unwrap();
    let lost = of("delivery.started");
    assert_eq!((&lost.trace, &lost.causation, &lost.correlation), (&None, &None, &None));
    let after = of("pizza.delivered");
    assert_eq!(after.causation.as_ref(), Some(&lost.id));
    assert_ne!(after.trace.unwrap().trace_id, events[0].trace.unwrap().trace_id);
}

#[test]
fn a_bare_dead_letter_holds_nothing_that_leads_back() {
    let stage = Stage::new();
    let log = stage.play(stage.order(Some(FaultKind::BareDeadLetter)));
    let letter = log.iter().find(|heard| heard.at.topic.ends_with(".dlt")).unwrap();
    assert_eq!((letter.headers.len(), &letter.key), (0, &None));
    assert_eq!(decode(&letter.headers, &letter.value), None);
}

#[test]
fn both_copies_of_an_event_published_twice_are_equal() {
    let stage = Stage::new();
    let number = stage.order(Some(FaultKind::Duplicate));
    let placed = lie(stage.service("order").place(number, 0).unwrap(), 0);
    let Action::Send(_, emissions) = stage.service("payment").react(&placed, 0) else { panic!("payment is taken") };
    let [once, again] = &emissions[..] else { panic!("{} records", emissions.len()) };
    assert_eq!((&once.headers, &once.value), (&again.headers, &again.value));
    assert_eq!((once.entry.role, again.entry.role), (Role::Event, Role::Duplicate));
}
