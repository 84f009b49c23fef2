//! The loop: one way in for keys, time, answers and signals; what is to be done is done here.

use super::event::{Event, What};
use super::keymap::{self, Act};
use super::model::Model;
use super::record::{Recorder, Replay};
use super::screen::{Screen, meaning};
use super::update::{self, Command};
use super::worker::{self, Job};
use super::{Error, Options, Target, view};
use crate::event::Timestamp;
use crossterm::event::EventStream;
use futures::StreamExt;
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::MissedTickBehavior;

/// Time between two looks at the clock.
const TICK: Duration = Duration::from_millis(250);
/// The picture says its age in seconds: it is drawn anew when this many µs have passed.
const SECOND_US: i64 = 1_000_000;
/// Answers that wait to be drawn: one is asked at a time.
const ANSWERS: usize = 8;
/// Names that are tried for a file that must be new.
const NAMES: usize = 100;

/// Shows the screens until the user leaves, a signal comes, or `over` says so.
///
/// # Errors
/// No terminal, one that cannot be used, or a recording that cannot be written.
pub fn run(target: Target, options: &Options, over: &dyn Fn() -> bool) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut screen = Screen::open()?;
    let size = screen.terminal.size()?;
    let Target { origin, client, connect, secret } = target;
    let model = Model::new(origin, now(), (size.width, size.height));
    let recorder = options.record.as_ref().map(|path| Recorder::create(path, &model)).transpose()?;
    let (jobs, questions) = mpsc::channel();
    let (answers, answered) = tokio::sync::mpsc::channel(ANSWERS);
    let asks = move || worker::run(Some(client), &connect, &secret, (questions, answers));
    std::thread::Builder::new().name("ask".to_owned()).spawn(asks)?;
    let mut live = Live { screen: &mut screen, model, recorder, jobs, options };
    runtime.block_on(live.play(answered, over))
}

struct Live<'a> {
    screen: &'a mut Screen,
    model: Model,
    recorder: Option<Recorder>,
    jobs: mpsc::Sender<Job>,
    options: &'a Options,
}

impl Live<'_> {
    async fn play(
        &mut self,
        mut answered: tokio::sync::mpsc::Receiver<What>,
        over: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        let mut keys = EventStream::new();
        let mut signals = signals()?;
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let first = update::begin(&mut self.model);
        self.carry_out(first)?;
        let mut drawn = Timestamp(0);
        loop {
            let [interrupt, terminate, hangup] = &mut signals;
            let what = tokio::select! {
                key = keys.next() => match key {
                    Some(Ok(key)) => meaning(&key),
                    Some(Err(error)) => return Err(error.into()),
                    None => Some(What::Quit),
                },
                answer = answered.recv() => Some(answer.ok_or(Error::Ended)?),
                _ = tick.tick() => Some(if over() { What::Quit } else { What::Tick }),
                _ = interrupt.recv() => Some(What::Quit),
                _ = terminate.recv() => Some(What::Quit),
                _ = hangup.recv() => Some(What::Quit),
            };
            let Some(what) = what else { continue };
            let idle = what == What::Tick;
            if self.take(what)? {
                return Ok(());
            }
            if !idle || self.model.now.since(drawn) >= SECOND_US {
                let (model, theme) = (&self.model, &self.options.theme);
                self.screen.terminal.draw(|frame| view::draw(model, theme, frame))?;
                drawn = self.model.now;
            }
        }
    }

    /// Takes an event in; true when it was the last.
    fn take(&mut self, what: What) -> Result<bool, Error> {
        let event = Event { at: now(), what };
        if let Some(recorder) = &mut self.recorder {
            match recorder.add(&event) {
                Ok(true) => {}
                Ok(false) => {
                    self.recorder = None;
                    update::say(&mut self.model, "the recording is full: it ends here", false);
                }
                Err(error) => {
                    self.recorder = None;
                    update::say(&mut self.model, &format!("the recording ends here: {error}"), false);
                }
            }
        }
        let commands = update::update(&mut self.model, event);
        self.carry_out(commands)
    }

    fn carry_out(&mut self, commands: Vec<Command>) -> Result<bool, Error> {
        for command in commands {
            match command {
                Command::Ask { generation, question } => {
                    self.jobs.send(Job { generation, question }).map_err(|_| Error::Ended)?;
                }
                Command::Save { stem, text } => {
                    let (text, well) = self.save(&stem, &text);
                    self.take(What::Done { text, well })?;
                }
                Command::Copy(text) => {
                    let copied = self.screen.copy(&text)?;
                    let said = if copied { format!("copied: {text}") } else { format!("too long to copy: {text}") };
                    self.take(What::Done { text: said, well: copied })?;
                }
                Command::Mouse(ours) => self.screen.mouse(ours)?,
                Command::Quit => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Writes a new file, here or where temporary files go, and copies its text; says what became of it.
    fn save(&self, stem: &str, text: &str) -> (String, bool) {
        match write_new(stem, text) {
            Ok(path) => {
                let copied = self.screen.copy(text).unwrap_or(false);
                let also = if copied { "copied, and written to" } else { "too long to copy, written to" };
                (format!("{also} {}", path.display()), true)
            }
            Err(error) => (format!("cannot write {stem}.md: {error}"), false),
        }
    }
}

/// Nothing that is there is written over.
fn write_new(stem: &str, text: &str) -> std::io::Result<PathBuf> {
    let mut refused = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
    for folder in [PathBuf::new(), std::env::temp_dir()] {
        for n in 1..=NAMES {
            let name = if n == 1 { format!("{stem}.md") } else { format!("{stem}-{n}.md") };
            let path = folder.join(name);
            match std::fs::File::options().write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    file.write_all(text.as_bytes())?;
                    return Ok(path);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    refused = error;
                    break;
                }
            }
        }
    }
    Err(refused)
}

fn signals() -> std::io::Result<[Signal; 3]> {
    Ok([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?])
}

/// Shows a recording at its own pace, or step by step, until the user leaves.
///
/// # Errors
/// No terminal, or a file that is no recording.
pub fn replay(path: &std::path::Path, options: &Options) -> Result<(), Error> {
    let (mut model, mut replay) = Replay::open(path)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut screen = Screen::open()?;
    runtime.block_on(async {
        let mut keys = EventStream::new();
        let mut signals = signals()?;
        // What would be done was done when it was recorded.
        let _ = update::begin(&mut model);
        let mut next = replay.event()?;
        let mut step = false;
        loop {
            let ended = next.is_none();
            let draw = |frame: &mut ratatui::Frame<'_>| {
                view::draw(&model, &options.theme, frame);
                view::draw_replay(ended, &options.theme, frame);
            };
            screen.terminal.draw(draw)?;
            let wait = next.as_ref().map_or(Duration::MAX, |event| {
                Duration::from_micros(u64::try_from(event.at.since(model.now)).unwrap_or(0))
            });
            let [interrupt, terminate, hangup] = &mut signals;
            tokio::select! {
                key = keys.next() => match key {
                    Some(Ok(key)) => match meaning(&key) {
                        Some(What::Key(key)) if keymap::replay(key) == Some(Act::Quit) => return Ok(()),
                        Some(What::Key(key)) if keymap::replay(key) == Some(Act::Step) => step = true,
                        _ => continue,
                    },
                    Some(Err(error)) => return Err(error.into()),
                    None => return Ok(()),
                },
                () = tokio::time::sleep(wait) => {}
                _ = interrupt.recv() => return Ok(()),
                _ = terminate.recv() => return Ok(()),
                _ = hangup.recv() => return Ok(()),
            }
            // A step goes to the next thing that happened: time alone is nothing to see.
            while let Some(event) = next.take() {
                let idle = event.what == What::Tick;
                let _ = update::update(&mut model, event);
                next = replay.event()?;
                if !(step && idle) {
                    break;
                }
            }
            step = false;
        }
    })
}

#[expect(clippy::disallowed_methods, reason = "events carry the time: this is the edge where it comes in")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
