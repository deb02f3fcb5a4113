//! A folder with a configuration, in which the program is run.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

pub(crate) const CONFIGURATION: &str = r#"
hostname = "mail.example.org"
data-dir = "data"

[listener.mx]
bind = ["127.0.0.1:0"]
role = "mx"
tls = "off"

[listener.submission]
bind = ["127.0.0.1:2587"]
role = "submission"
tls = "off"

[domain."example.org"]
deliver = "maildir:mail/{local-part}"
"#;

/// A folder with a configuration, for one test.
pub(crate) struct Site(TempDir);

pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: Option<i32>,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
        Self { out: text(output.stdout), err: text(output.stderr), status: output.status.code() }
    }
}

impl Site {
    pub(crate) fn new(configuration: &str) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::write(folder.path().join("gatepost.toml"), configuration)?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> io::Result<Said> {
        self.run_with(arguments, "")
    }

    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> io::Result<Said> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gatepost"))
            .args(arguments)
            .current_dir(self.path())
            .env_remove("GATEPOST_CONFIG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that does not read it may have ended already.
            let _ = stdin.write_all(input.as_bytes());
        }
        child.wait_with_output().map(Said::from)
    }
}
