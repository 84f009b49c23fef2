//! `update`: the model after an event, and what is to be done. No I/O, no clock.

use super::absorb;
use super::ask::{About, Question, Reader};
use super::event::{Code, Event, Key, What};
use super::export;
use super::keymap::{self, Act};
use super::model::{Link, Mode, Model, Notice, OverviewPane, Screen, Search};
use crate::event::Timestamp;
use tui_input::InputRequest;

/// Shortest time between two questions, µs: people read no faster.
const REFRESH_US: i64 = 1_000_000;
/// The next question waits so many times as long as the last one took: the tap has other work.
const REST: i64 = 4;
/// Time after a refused question, µs.
const REFUSED_US: i64 = 5_000_000;
/// How long a notice stays, µs.
const NOTICE_US: i64 = 8_000_000;
/// Characters of an ID that is typed: a traceparent has 55, a topic's name at most 249.
const TYPED_MAX: usize = 512;
/// Screens that one can go back.
const BACK_MAX: usize = 20;
/// Rows of the screen that are not a list: header, titles, footer.
const FRAME_ROWS: i64 = 8;

/// Something to be done outside of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Ask the tap.
    Ask {
        /// The generation that the answer carries back.
        generation: u64,
        /// The question.
        question: Question,
    },
    /// Write a file that is new, and copy its text.
    Save {
        /// Its name without `.md`.
        stem: String,
        /// Its text.
        text: String,
    },
    /// Copy a text to the clipboard of the terminal.
    Copy(String),
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Close the screen.
    Quit,
}

/// Takes an event into the model.
pub fn update(model: &mut Model, event: Event) -> Vec<Command> {
    model.now = event.at;
    if model.notice.as_ref().is_some_and(|notice| notice.until < model.now) {
        model.notice = None;
    }
    match event.what {
        What::Key(key) => pressed(model, key),
        What::Wheel(lines) => {
            step(model, i64::from(lines));
            follow(model)
        }
        What::Resize { columns, rows } => {
            model.size = (columns, rows);
            Vec::new()
        }
        What::Tick => tick(model),
        What::Answer { generation, answer } => {
            if generation == model.generation {
                model.asking = None;
                let rest = answer.took_ms.saturating_mul(1000).saturating_mul(REST);
                model.due = Timestamp(model.now.0.saturating_add(rest.max(REFRESH_US)));
                absorb::answer(model, *answer);
                return missing_partitions(model);
            }
            Vec::new()
        }
        What::Refused { generation, question, reason } => {
            if generation == model.generation {
                model.asking = None;
                model.due = Timestamp(model.now.0.saturating_add(REFUSED_US));
                absorb::refused(model, &question, &reason);
            }
            Vec::new()
        }
        What::Lost { reason } => {
            lost(model, &reason);
            Vec::new()
        }
        What::Found => {
            model.link = Link::Up;
            ask_screen(model)
        }
        What::Done { text, well } => {
            say(model, &super::gate::text(&text), well);
            Vec::new()
        }
        What::Quit => vec![Command::Quit],
    }
}

/// The first question.
pub fn begin(model: &mut Model) -> Vec<Command> {
    ask_screen(model)
}

/// Says something for a while.
pub fn say(model: &mut Model, text: &str, well: bool) {
    let until = Timestamp(model.now.0.saturating_add(NOTICE_US));
    model.notice = Some(Notice { text: text.to_owned(), well, until });
}

/// To another screen, with the way back kept.
pub fn go(model: &mut Model, screen: Screen) {
    if model.screen != screen {
        model.back.push(model.screen);
        if model.back.len() > BACK_MAX {
            model.back.remove(0);
        }
        model.screen = screen;
    }
}

fn lost(model: &mut Model, reason: &str) {
    model.asking = None;
    let reason = super::gate::text(reason);
    if let Some(search) = &mut model.search {
        search.looking = false;
    }
    model.link = match &model.link {
        Link::Lost { since, .. } => Link::Lost { since: *since, reason },
        _ => Link::Lost { since: model.now, reason },
    };
}

fn tick(model: &mut Model) -> Vec<Command> {
    let held = model.frozen.is_some() || (model.origin.file && answered(model));
    let busy = model.asking.is_some() || matches!(model.link, Link::Lost { .. });
    match held || busy || model.now < model.due {
        true => Vec::new(),
        false => ask_screen(model),
    }
}

fn answered(model: &Model) -> bool {
    match model.screen {
        Screen::Overview => model.overview.answered,
        Screen::Consumers => model.consumers.answered,
        Screen::Failures => model.failures.answered,
        Screen::Trace => true,
    }
}

/// Asks what the screen shows.
fn ask_screen(model: &mut Model) -> Vec<Command> {
    let about = match (model.screen, &model.trace) {
        (Screen::Overview, _) | (Screen::Trace, None) => About::Overview,
        (Screen::Consumers, _) => About::Consumers { selected: selected_reader(model) },
        (Screen::Failures, _) => About::Failures { orphans: model.failures.orphans },
        (Screen::Trace, Some(trace)) => About::Trace { reference: trace.asked },
    };
    ask(model, about)
}

fn ask(model: &mut Model, about: About) -> Vec<Command> {
    if matches!(model.link, Link::Lost { .. }) {
        return Vec::new();
    }
    let end = match (model.frozen, model.origin.file) {
        (Some(frozen), _) => Some(frozen),
        (None, true) => model.headline.as_ref().and_then(|headline| headline.seen_time),
        (None, false) => Some(model.now),
    };
    let back = model.window.minutes().map(|minutes| minutes * 60_000_000);
    let since = end.zip(back).map(|(end, back)| Timestamp(end.0.saturating_sub(back)));
    model.generation += 1;
    model.asking = Some(model.now);
    vec![Command::Ask { generation: model.generation, question: Question { since, until: model.frozen, about } }]
}

/// Asks for the screen unless the picture is held and the screen has one already.
fn look(model: &mut Model) -> Vec<Command> {
    match model.frozen.is_some() && answered(model) {
        true => Vec::new(),
        false => ask_screen(model),
    }
}

fn selected_reader(model: &Model) -> Option<Reader> {
    let row = model.consumers.rows.get(model.consumers.selected)?;
    Some(Reader { cluster: row.cluster.clone(), group: row.consumer_group.clone(), topic: row.topic_name().to_owned() })
}

/// Screen 3 shows the partitions of what is selected: asks for them where they are not known.
fn missing_partitions(model: &mut Model) -> Vec<Command> {
    let wanted = selected_reader(model);
    match model.screen == Screen::Consumers && wanted.is_some() && model.consumers.shown != wanted {
        true => ask_screen(model),
        false => Vec::new(),
    }
}

fn follow(model: &mut Model) -> Vec<Command> {
    if model.mode() == Mode::Screen { missing_partitions(model) } else { Vec::new() }
}

fn pressed(model: &mut Model, key: Key) -> Vec<Command> {
    let mode = model.mode();
    let Some(act) = keymap::act(key, mode, model.screen) else {
        if let (Mode::Typing, Code::Char(c), false) = (mode, key.code, key.ctrl) {
            edit(model, InputRequest::InsertChar(c));
        }
        return Vec::new();
    };
    match mode {
        Mode::Screen => on_screen(model, act),
        Mode::Typing => while_typing(model, act),
        Mode::Choosing => while_choosing(model, act),
        Mode::Help => {
            match act {
                Act::Down => model.help = model.help.map(|top| top.saturating_add(1)),
                Act::Up => model.help = model.help.map(|top| top.saturating_sub(1)),
                _ => model.help = None,
            }
            Vec::new()
        }
    }
}

fn on_screen(model: &mut Model, act: Act) -> Vec<Command> {
    let page = (i64::from(model.size.1) - FRAME_ROWS).max(1);
    match act {
        Act::Go(screen) => {
            go(model, screen);
            return look(model);
        }
        Act::Up => step(model, -1),
        Act::Down => step(model, 1),
        Act::PageUp => step(model, -page),
        Act::PageDown => step(model, page),
        Act::Top => step(model, -i64::from(u32::MAX)),
        Act::Bottom => step(model, i64::from(u32::MAX)),
        Act::Open => return open(model),
        Act::Back => {
            if let Some(screen) = model.back.pop() {
                model.screen = screen;
                return look(model);
            }
        }
        Act::Search => model.search = Some(Search::default()),
        Act::Help => model.help = Some(0),
        Act::Quit => return vec![Command::Quit],
        Act::Mouse => {
            model.mouse = !model.mouse;
            let said = if model.mouse { "the wheel scrolls here" } else { "the mouse selects text; m takes it back" };
            say(model, said, true);
            return vec![Command::Mouse(model.mouse)];
        }
        Act::Freeze => return freeze(model),
        Act::Window | Act::OrphansOnly | Act::UnattendedOnly | Act::Sort => return arrange(model, act),
        other => return in_panes(model, other),
    }
    follow(model)
}

fn freeze(model: &mut Model) -> Vec<Command> {
    if model.origin.file {
        say(model, "a file does not change: nothing to freeze", true);
        return Vec::new();
    }
    match model.frozen.take() {
        Some(_) => ask_screen(model),
        None => {
            model.frozen = Some(model.headline.as_ref().map_or(model.now, |headline| headline.at));
            Vec::new()
        }
    }
}

/// Windows, filters and orders of the lists.
fn arrange(model: &mut Model, act: Act) -> Vec<Command> {
    match act {
        Act::Window => {
            model.window = model.window.next();
            (model.overview.answered, model.failures.answered) = (false, false);
            return ask_screen(model);
        }
        Act::OrphansOnly => {
            model.failures.orphans = !model.failures.orphans;
            absorb::arrange(model);
            return ask_screen(model);
        }
        Act::UnattendedOnly => model.failures.unattended = !model.failures.unattended,
        _ => model.failures.sort = model.failures.sort.next(),
    }
    absorb::arrange(model);
    Vec::new()
}

/// What only some screens know.
fn in_panes(model: &mut Model, act: Act) -> Vec<Command> {
    if act == Act::NextPane && model.screen == Screen::Overview {
        model.overview.pane = match model.overview.pane {
            OverviewPane::Failures => OverviewPane::Groups,
            OverviewPane::Groups => OverviewPane::Failures,
        };
    }
    let (Screen::Trace, Some(trace)) = (model.screen, model.trace.as_deref_mut()) else { return Vec::new() };
    match act {
        Act::NextPane => trace.in_details = !trace.in_details,
        Act::Root => trace.to_root(),
        Act::Collapse => trace.collapse(),
        Act::Expand => trace.expand(),
        Act::Downstream => trace.mark_downstream(),
        Act::Export => {
            let stem = export::stem(trace);
            let text = export::markdown(trace, &model.origin, model.now);
            return vec![Command::Save { stem, text }];
        }
        Act::Copy => {
            let command = export::command(trace, &model.origin);
            return command.map(Command::Copy).into_iter().collect();
        }
        _ => {}
    }
    Vec::new()
}

/// Moves the cursor of the screen, the list or the help by so many rows.
fn step(model: &mut Model, by: i64) {
    let moved = |at: usize, rows: usize| {
        (at as i64).saturating_add(by).clamp(0, rows.saturating_sub(1) as i64).unsigned_abs() as usize
    };
    if let Some(top) = &mut model.help {
        *top = (*top as i64).saturating_add(by).clamp(0, keymap::TABLE.len() as i64).unsigned_abs() as usize;
        return;
    }
    if let Some(choice) = &mut model.choice {
        choice.selected = moved(choice.selected, choice.matches.len());
        return;
    }
    match (model.screen, &mut model.trace) {
        (Screen::Overview, _) => {
            let overview = &mut model.overview;
            match overview.pane {
                OverviewPane::Failures => overview.failure = moved(overview.failure, overview.failures.len()),
                OverviewPane::Groups => overview.group = moved(overview.group, overview.groups.len()),
            }
        }
        (Screen::Consumers, _) => {
            model.consumers.selected = moved(model.consumers.selected, model.consumers.rows.len());
        }
        (Screen::Failures, _) => model.failures.selected = moved(model.failures.selected, model.failures.shown.len()),
        (Screen::Trace, Some(trace)) if trace.in_details => {
            let top = (trace.details_top as i64).saturating_add(by);
            trace.details_top = top.clamp(0, super::view::DETAILS_MAX as i64).unsigned_abs() as usize;
        }
        (Screen::Trace, Some(trace)) => trace.step(by),
        (Screen::Trace, None) => {}
    }
}

fn open(model: &mut Model) -> Vec<Command> {
    let overview = &model.overview;
    let reference = match (model.screen, overview.pane) {
        (Screen::Overview, OverviewPane::Failures) => overview.failures.get(overview.failure).map(|f| f.sample_ref),
        (Screen::Overview, OverviewPane::Groups) => {
            let Some(group) = overview.groups.get(overview.group).cloned() else { return Vec::new() };
            let same = model.consumers.rows.iter().position(|row| {
                (&row.consumer_group, &row.topic, &row.cluster) == (&group.consumer_group, &group.topic, &group.cluster)
            });
            match same {
                Some(at) => model.consumers.selected = at,
                // The list comes with the answer; the cursor stays on this row then.
                None => (model.consumers.rows, model.consumers.selected) = (vec![group], 0),
            }
            go(model, Screen::Consumers);
            return ask_screen(model);
        }
        (Screen::Consumers, _) => return open_standing(model),
        (Screen::Failures, _) => model.selected_failure().map(|line| line.sample_ref),
        (Screen::Trace, _) => None,
    };
    let Some(reference) = reference else { return Vec::new() };
    model.trace = None;
    go(model, Screen::Trace);
    ask(model, About::Trace { reference })
}

/// The event that the selected group stands at.
fn open_standing(model: &mut Model) -> Vec<Command> {
    let Some(row) = model.consumers.rows.get(model.consumers.selected) else { return Vec::new() };
    let (Some(offset), Some(partition)) = (row.worst_committed_offset, row.worst_partition) else {
        say(model, "this group never committed here: it stands at no event", false);
        return Vec::new();
    };
    if super::model::waiting(row) == 0 {
        say(model, "this group has passed everything on this topic: it stands at no event", true);
        return Vec::new();
    }
    let text = format!("{}/{}/{partition}/{offset}", row.cluster, row.topic_name());
    ask(model, About::Find { text })
}

fn while_typing(model: &mut Model, act: Act) -> Vec<Command> {
    let request = match act {
        Act::Submit => return submit(model),
        Act::Cancel => {
            model.search = None;
            return Vec::new();
        }
        Act::Erase => InputRequest::DeletePrevChar,
        Act::EraseNext => InputRequest::DeleteNextChar,
        Act::EraseWord => InputRequest::DeletePrevWord,
        Act::EraseLine => InputRequest::DeleteLine,
        Act::CursorLeft => InputRequest::GoToPrevChar,
        Act::CursorRight => InputRequest::GoToNextChar,
        Act::CursorStart => InputRequest::GoToStart,
        Act::CursorEnd => InputRequest::GoToEnd,
        _ => return Vec::new(),
    };
    edit(model, request);
    Vec::new()
}

fn edit(model: &mut Model, request: InputRequest) {
    let Some(search) = &mut model.search else { return };
    let full = search.input.value().chars().count() >= TYPED_MAX;
    if !(full && matches!(request, InputRequest::InsertChar(_))) {
        search.input.handle(request);
        search.refused = None;
    }
}

fn submit(model: &mut Model) -> Vec<Command> {
    let Some(search) = &mut model.search else { return Vec::new() };
    let text = search.input.value().trim().to_owned();
    if text.is_empty() {
        search.refused = Some("type an ID, such as orders/0/12, an event id, a trace id or key:4711".to_owned());
        return Vec::new();
    }
    let asked = ask(model, About::Find { text });
    if let Some(search) = &mut model.search {
        search.looking = !asked.is_empty();
        search.refused = asked.is_empty().then(|| "the tap does not answer now; try again when it does".to_owned());
    }
    asked
}

fn while_choosing(model: &mut Model, act: Act) -> Vec<Command> {
    match act {
        Act::Down => step(model, 1),
        Act::Up => step(model, -1),
        Act::Submit => {
            let chosen = model.choice.take().and_then(|choice| choice.matches.get(choice.selected).cloned());
            if let Some(chosen) = chosen {
                model.trace = None;
                go(model, Screen::Trace);
                return ask(model, About::Trace { reference: chosen.reference });
            }
        }
        _ => model.choice = None,
    }
    Vec::new()
}
