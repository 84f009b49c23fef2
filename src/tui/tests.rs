//! The screens on hand-made answers: how they look, and that nothing breaks them.

use super::ask::{About, Answer, Part};
use super::event::{Code, Event, Key, What};
use super::model::{Link, Screen};
use super::record::{Recorder, Replay};
use super::sample::{self, NOW, Stage, answer_of_incident, answer_of_nothing};
use super::theme::{ASCII, Palette, Theme};
use super::update::{Command, update};
use super::{keymap, update};
use crate::event::Timestamp;
use crate::report::Cell;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const SIZES: [(u16, u16); 3] = [(60, 15), (80, 24), (120, 40)];

/// Every screen of the list at every size, as snapshots `NAME_WIDTH`.
fn look(name: &str, answers: fn(&About) -> Answer, prepare: fn(&mut Stage)) {
    for size in SIZES {
        let mut stage = Stage::open(size, answers);
        prepare(&mut stage);
        insta::assert_snapshot!(format!("{name}_{}", size.0), stage.screen());
    }
}

#[test]
fn the_overview_of_an_incident() {
    look("overview", answer_of_incident, |_| {});
}

#[test]
fn the_consumers_of_an_incident() {
    look("consumers", answer_of_incident, |stage| stage.type_in("3"));
}

#[test]
fn the_failures_of_an_incident() {
    look("failures", answer_of_incident, |stage| stage.type_in("4"));
}

#[test]
fn the_trace_of_a_failure_opens_at_the_failed_event() {
    look("trace", answer_of_incident, |stage| {
        stage.type_in("4\n");
        let trace = stage.model.trace.as_ref().unwrap();
        assert_eq!(trace.event().unwrap().reference, sample::DEAD_LETTER);
    });
}

#[test]
fn a_trace_of_too_many_events_ends_with_its_levels() {
    look("summed", sample::answer_of_many, |stage| {
        stage.type_in("4\nG");
        let trace = stage.model.trace.as_ref().unwrap();
        assert_eq!(trace.group().unwrap().events, 97_000);
        assert!(trace.event().is_none());
    });
}

#[test]
fn everything_downstream_of_the_root_is_marked() {
    look("downstream", answer_of_incident, |stage| stage.type_in("4\nrd"));
}

#[test]
fn an_empty_database() {
    look("empty", answer_of_nothing, |_| {});
    look("empty_failures", answer_of_nothing, |stage| stage.type_in("4"));
    look("empty_consumers", answer_of_nothing, |stage| stage.type_in("3"));
    look("empty_trace", answer_of_nothing, |stage| stage.type_in("5"));
}

#[test]
fn a_lost_tap_is_said_and_its_last_picture_stays() {
    look("lost", answer_of_incident, |stage| {
        let reason = "no tap answers at postgres://127.0.0.1:5439 (Connection refused)".to_owned();
        stage.happens_at(Timestamp(NOW.0 + 2_000_000), What::Lost { reason });
        stage.happens_at(Timestamp(NOW.0 + 75_000_000), What::Tick);
    });
}

#[test]
fn the_list_of_keys() {
    look("help", answer_of_incident, |stage| stage.type_in("4?"));
}

#[test]
fn an_id_is_typed_and_several_events_are_listed() {
    look("search", answer_of_incident, |stage| stage.type_in("/nothing\n"));
    look("choice", answer_of_incident, |stage| stage.type_in("/4711\n"));
}

#[test]
fn plain_ascii_says_the_same() {
    let theme = Theme { glyphs: &ASCII, colour: false, palette: Palette::Contrast };
    for keys in ["", "3", "4", "4\nrd", "4?"] {
        let mut stage = Stage::open((120, 40), answer_of_incident);
        stage.type_in(keys);
        let screen = stage.screen_in(&theme);
        assert!(screen.is_ascii(), "{keys:?}: {:?}\n{screen}", screen.chars().find(|c| !c.is_ascii()));
    }
    let mut stage = Stage::open((80, 24), answer_of_incident);
    stage.type_in("4\n");
    insta::assert_snapshot!("trace_ascii", stage.screen_in(&theme));
}

#[test]
fn the_header_keeps_its_words_on_sixty_columns() {
    let line = |stage: &Stage| stage.screen().lines().next().unwrap().to_owned();
    let stage = Stage::open((60, 15), answer_of_incident);
    for word in ["prod-eu", "live", "lag 0", "99.98 %", "1 gap", "15 m"] {
        assert!(line(&stage).contains(word), "{word}: {}", line(&stage));
    }
    let mut stage = Stage::open((60, 15), |_| {
        let mut parts = sample::headline([9_999_999; 15], Some(0.5), 1_204_000, 12_345);
        let standing = parts.get_mut(&Part::Standing).unwrap();
        standing.rows[0][0] = sample::text("a-cluster-with-a-name-that-nobody-can-remember-eu-central-1");
        standing.rows[0][1] = Cell::Time(NOW.0 - 50_000_000);
        sample::answer(About::Overview, parts)
    });
    stage.happens_at(Timestamp(NOW.0 + 300_000_000), What::Tick);
    stage.happens(What::Lost { reason: String::new() });
    stage.happens_at(Timestamp(NOW.0 + 3_700_000_000), What::Tick);
    for word in ["LOST", "cov 50.00 %", "12 k gaps", "15 m"] {
        assert!(line(&stage).contains(word), "{word}: {}", line(&stage));
    }
}

#[test]
fn a_small_terminal_gets_a_plain_message() {
    for size in [(59, 15), (60, 14), (20, 3), (1, 1)] {
        let mut stage = Stage::open(size, answer_of_incident);
        stage.type_in("4\n");
        let screen = stage.screen();
        assert!(size.0 < 40 || screen.contains("needs 60 x 15"), "{screen}");
    }
}

#[test]
fn the_path_of_an_incident_takes_five_keys() {
    let mut stage = Stage::open((100, 30), answer_of_incident);
    stage.type_in("4\nrdx");
    let trace = stage.model.trace.as_ref().unwrap();
    assert_eq!(trace.event().unwrap().event_type.as_deref(), Some("order.placed"));
    let [Command::Save { stem, text }] = stage.commands.as_slice() else { panic!("{:?}", stage.commands) };
    assert_eq!(stem, "headwater-trace-loyalty.dlt-0-12");
    for said in
        ["Failed at `loyalty`", "AccountMissing", "`orders/2/881`", "9 effects", "headwater trace loyalty.dlt/0/12"]
    {
        assert!(text.contains(said), "{said}:\n{text}");
    }
    stage.type_in("y");
    assert_eq!(stage.commands.last(), Some(&Command::Copy("headwater trace loyalty.dlt/0/12".to_owned())));
    stage.type_in("<");
    assert_eq!(stage.model.screen, Screen::Failures);
}

#[test]
fn filters_and_orders_keep_the_cursor_on_what_it_was_on() {
    let mut stage = Stage::open((100, 30), answer_of_incident);
    stage.type_in("4");
    let first = |stage: &Stage| stage.model.selected_failure().unwrap().row.clone();
    assert_eq!(first(&stage).consumer_group.as_deref(), Some("loyalty"), "the newest first");
    stage.type_in("jj");
    let chosen = first(&stage);
    stage.type_in("s");
    assert_eq!(first(&stage), chosen);
    stage.type_in("u");
    assert_eq!(stage.model.failures.shown.len(), 1);
    stage.type_in("uo");
    assert_eq!(stage.model.failures.shown.len(), 2);
}

#[test]
fn what_a_group_stands_at_is_one_key_away() {
    let mut stage = Stage::open((100, 30), answer_of_incident);
    stage.type_in("\t\n");
    assert_eq!(stage.model.screen, Screen::Consumers);
    assert_eq!(stage.model.consumers.shown.as_ref().unwrap().group, "loyalty");
    stage.type_in("\n");
    assert_eq!(stage.model.screen, Screen::Trace);
    let asked = stage.events.iter().rev().find_map(|event| match &event.what {
        What::Answer { answer, .. } => Some(answer.question.about.clone()),
        _ => None,
    });
    assert_eq!(asked, Some(About::Find { text: "prod-eu/loyalty/1/61".to_owned() }));
}

#[test]
fn a_held_picture_asks_nothing_and_a_lost_tap_is_asked_when_it_is_back() {
    let asks = |stage: &mut Stage, seconds: i64| {
        let before = stage.model.generation;
        stage.happens_at(Timestamp(NOW.0 + seconds * 1_000_000), What::Tick);
        stage.model.generation - before
    };
    let mut stage = Stage::open((80, 24), answer_of_incident);
    assert_eq!(asks(&mut stage, 10), 1);
    stage.type_in("f");
    assert_eq!(asks(&mut stage, 20), 0);
    assert!(stage.screen().contains("frozen, 10 s old"), "{}", stage.screen());
    stage.type_in("f");
    stage.happens(What::Lost { reason: "gone".to_owned() });
    assert_eq!(asks(&mut stage, 40), 0);
    let before = stage.model.generation;
    stage.happens(What::Found);
    assert_eq!((stage.model.generation - before, &stage.model.link), (1, &Link::Up));
}

#[test]
fn an_answer_that_comes_too_late_is_dropped() {
    let mut stage = Stage::open((80, 24), answer_of_incident);
    let late = answer_of_nothing(&About::Overview);
    stage.happens(What::Answer { generation: 0, answer: Box::new(late) });
    assert_eq!(stage.model.headline.as_ref().unwrap().totals.failed, 47);
}

#[test]
fn a_file_is_asked_once_and_says_as_of_when() {
    let origin = super::model::Origin { file: true, name: "demo.duckdb".to_owned(), reach: String::new() };
    let mut stage = Stage::open((80, 24), answer_of_incident);
    stage.model = super::model::Model::new(origin, NOW, (120, 40));
    let first = update::begin(&mut stage.model);
    assert!(matches!(&first[..], [Command::Ask { question, .. }] if question.since.is_none()));
    stage.happens(What::Answer { generation: 1, answer: Box::new(sample::overview()) });
    let before = stage.model.generation;
    stage.happens_at(Timestamp(NOW.0 + 3_600_000_000), What::Tick);
    assert_eq!(stage.model.generation, before);
    assert!(stage.screen().contains("file, as of 2025-11-20 10:41:06 UTC"), "{}", stage.screen());
}

/// Any key of the table, any letter, any size, any time, and now and then a tap that goes and comes.
fn anything(random: &mut fastrand::Rng) -> What {
    let keys: Vec<Key> = keymap::TABLE.iter().flat_map(|binding| binding.keys).copied().collect();
    match random.u32(..40) {
        0 => What::Resize { columns: random.u16(..220), rows: random.u16(..80) },
        1 => What::Lost { reason: "gone".to_owned() },
        2 => What::Found,
        3 => What::Wheel(random.i16(..)),
        4 => What::Refused {
            generation: random.u64(..50),
            question: sample::overview().question,
            reason: "no".to_owned(),
        },
        5..8 => What::Key(Key::plain(Code::Char(random.char(..)))),
        // Leaving is no way to break it.
        _ => What::Key(keys[random.usize(..keys.len())]),
    }
}

#[test]
fn any_keys_and_sizes_are_survived() {
    let seed =
        std::env::var("HEADWATER_SEED").map_or_else(|_| fastrand::u64(..1_000_000), |seed| seed.parse().unwrap());
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for answers in [answer_of_incident, answer_of_nothing, hostile] as [fn(&About) -> Answer; 3] {
        let mut stage = Stage::open((100, 30), answers);
        for step in 0..500 {
            let at = Timestamp(NOW.0 + step * 700_000);
            stage.happens_at(at, anything(&mut random));
            let (columns, rows) = stage.model.size;
            if columns > 0 && rows > 0 {
                stage.screen();
            }
        }
    }
}

const HOSTILE: &str = "\u{1b}[31m\u{1b}]0;owned\u{7}比萨\u{202e}evil\u{200b}\u{61c}\ta\nb\u{9b}2J👩\u{200d}🍳z\u{301}\u{301}\u{301}\u{301}\u{301}";

/// The incident with every text replaced by a hostile one that is short, or very long.
fn hostile(about: &About) -> Answer {
    let mut answer = answer_of_incident(about);
    for table in answer.parts.values_mut() {
        let names: Vec<String> = table.columns.iter().map(|column| column.name.clone()).collect();
        for (n, row) in table.rows.iter_mut().enumerate() {
            for (cell, name) in row.iter_mut().zip(&names) {
                let word = ["kind", "state", "resolution", "reason", "class", "evidence"].contains(&name.as_str());
                if let (Cell::Text(text), false) = (&mut *cell, word) {
                    *text = if n % 2 == 0 { format!("{text}{HOSTILE}") } else { HOSTILE.repeat(400) };
                }
            }
        }
    }
    answer.notes.push(HOSTILE.to_owned());
    answer
}

#[test]
fn hostile_text_stays_in_its_place_and_reaches_no_terminal() {
    for size in SIZES {
        for keys in ["", "3", "4", "4\n", "4\nrd", "/4711\n", "?"] {
            let mut stage = Stage::open(size, hostile);
            stage.type_in(keys);
            let hurt = format!("{size:?} {keys:?}\n{}", stage.screen());
            for line in stage.screen().lines() {
                // The backend says behind the line which cells are hidden by wide letters.
                let line = line.split("\" Hidden by").next().unwrap().trim_matches('"');
                assert!(line.chars().all(|c| !c.is_control()), "{hurt}");
                let bad = |c: char| matches!(c, '\u{202e}' | '\u{200b}' | '\u{200d}' | '\u{61c}' | '\u{9b}');
                assert!(!line.contains(bad), "{hurt}");
                let marks = line.chars().filter(|c| c.width() == Some(0)).count();
                assert!(line.width() <= usize::from(size.0) && marks <= 3 * usize::from(size.0), "{hurt}");
            }
        }
    }
    let mut stage = Stage::open((80, 24), hostile);
    stage.type_in("4\nx");
    let Some(Command::Save { stem, text }) = stage.commands.last() else { panic!("{:?}", stage.commands) };
    assert!(stem.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c)), "{stem}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn a_recording_shown_again_ends_with_the_same_screen() {
    let folder = std::env::temp_dir().join(format!("headwater-recording-{}-{}", std::process::id(), fastrand::u32(..)));
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("incident.ndjson");
    let mut stage = Stage::open((100, 30), hostile);
    let seed = fastrand::u64(..1_000_000);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    stage.type_in("4\nrd/4711\n");
    for step in 0..100 {
        stage.happens_at(Timestamp(NOW.0 + step * 300_000), anything(&mut random));
    }
    stage.happens(What::Resize { columns: 120, rows: 40 });
    let start = super::model::Model::new(sample::origin(), NOW, (100, 30));
    let mut recorder = Recorder::create(&file, &start).unwrap();
    for event in &stage.events {
        assert!(recorder.add(event).unwrap());
    }
    let (mut model, mut replay) = Replay::open(&file).unwrap();
    let _ = update::begin(&mut model);
    while let Some(event) = replay.event().unwrap() {
        let Event { .. } = event;
        let _ = update(&mut model, event);
    }
    let again = Stage { model, answers: hostile, events: Vec::new(), commands: Vec::new() };
    assert_eq!(again.screen(), stage.screen());
    assert!(Recorder::create(&file, &start).is_err(), "nothing is written over");
    std::fs::write(
        &file,
        "{\"headwater_top\":99,\"began\":0,\"size\":[1,1],\"origin\":{\"file\":false,\"name\":\"\",\"reach\":\"\"}}\n",
    )
    .unwrap();
    assert!(Replay::open(&file).unwrap_err().to_string().contains("form 99"));
    std::fs::remove_dir_all(&folder).unwrap();
}
