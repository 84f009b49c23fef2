//! A terminal for programs that draw: one tmux server of its own for each, ended when it is dropped.

use super::{Folder, poll_until};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long a screen may take to show something, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(90);

/// A terminal with a shell in it.
pub struct Terminal {
    socket: String,
    sockets: Folder,
}

impl Terminal {
    /// A terminal of this size whose shell stands in `folder`; nothing when tmux is not there, which is said.
    pub fn open(folder: &Path, (columns, rows): (u16, u16)) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if Command::new("tmux").arg("-V").output().is_err() {
            assert!(std::env::var_os("CI").is_none(), "tmux is missing");
            println!("not run: tmux is missing");
            return None;
        }
        let socket = format!("headwater-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let terminal = Self { socket, sockets: Folder::new("tmux") };
        let size = [columns.to_string(), rows.to_string()];
        let mut new = terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &size[0], "-y", &size[1], "-c"]);
        // A shell without anybody's settings, whose prompt is known.
        let made = new.arg(folder).args(["env", "-u", "NO_COLOR", "PS1=ready> ", "ENV=", "sh"]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        terminal.wait_for("ready>");
        Some(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.env("TMUX_TMPDIR", self.sockets.path()).env_remove("TMUX");
        // What the person who runs the tests has set for the program must not decide about them.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HEADWATER_")) {
            command.env_remove(name);
        }
        command.args(["-L", &self.socket]).args(arguments);
        command
    }

    fn ask(&self, arguments: &[&str]) -> String {
        let output = self.tmux(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Presses keys by tmux's names.
    pub fn press(&self, keys: &[&str]) {
        self.ask(&[&["send-keys"], keys].concat());
    }

    /// Types a line and ends it.
    pub fn type_line(&self, text: &str) {
        self.ask(&["send-keys", "-l", text]);
        self.press(&["Enter"]);
    }

    /// What the terminal shows.
    pub fn screen(&self) -> String {
        self.ask(&["capture-pane", "-p"])
    }

    /// Whether a program has the alternate screen.
    pub fn is_alternate(&self) -> bool {
        self.ask(&["display-message", "-p", "#{alternate_on}"]).trim() == "1"
    }

    /// Waits until the screen shows `text`, and gives the screen.
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_until(text, |screen| screen.contains(text))
    }

    /// Waits until the screen is as `wanted` wants it, and gives it.
    pub fn wait_until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let last = std::cell::RefCell::new(String::new());
        let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            poll_until(what, PATIENCE, || {
                let screen = self.screen();
                last.replace(screen.clone());
                wanted(&screen).then_some(screen)
            })
        }));
        looked.unwrap_or_else(|_| panic!("waited in vain for {what}; the screen is\n{}", last.borrow()))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The server, and with it whatever still runs in it.
        let _ = self.tmux(&["kill-server"]).output();
    }
}
