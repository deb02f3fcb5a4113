//! The one place that knows all parts: opens the stores, starts the server, and ends all of it in order.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use gatepost_directory::Directories as Accounts;
use gatepost_mail::Octets;
use gatepost_mta::outside::Outside;
use gatepost_mta::settings::TlsFiles;
use gatepost_mta::{Events, Parts, Server, Settings, What};
use gatepost_spool::{Embedded as Messages, EmbeddedSettings, Recovery, Spool as _, SpoolError};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::cli::failure::Failure;
use crate::cli::place;
use crate::config::Configuration;
use crate::control::socket::{ControlSocket, Reload};
use crate::control::{ControlError, Local};
use crate::log::files::{EventFiles, Keep};
use crate::log::{Log, Stream};

/// How often certificate and key are looked at for a change.
const CERTIFICATE_WATCH: Duration = Duration::from_secs(30);
/// What trace fields may add to the largest message.
const TRACE_FIELDS: Octets = Octets::mib(1);

/// A server with its stores, its log and its control socket.
pub struct Running {
    reloading: Arc<Reloading>,
    spool: Arc<Messages>,
    events: Events,
    ended: watch::Sender<bool>,
    helpers: Vec<JoinHandle<()>>,
    log: Log,
}

/// What a reload needs.
pub struct Reloading {
    server: Server<Messages, Accounts>,
    directory: Arc<Accounts>,
    events: Events,
    path: PathBuf,
    data_dir: PathBuf,
    /// The settings in force.
    settings: Mutex<Settings>,
}

impl Running {
    /// Starts everything. Must be called within a tokio runtime.
    ///
    /// `path` is the file that a reload reads; events go to files in data-dir, and to `stream`.
    ///
    /// # Errors
    ///
    /// What is in the way; nothing runs then.
    pub fn start(
        configuration: &Configuration,
        path: &Path,
        stream: Option<Stream>,
    ) -> Result<Self, Failure> {
        let Configuration { settings, data_dir, .. } = configuration;
        let directory = Arc::new(place::directories(configuration)?);
        let (spool, recovery) = open_spool(settings, data_dir)?;
        // From here on data-dir is ours: nobody else holds the spool's lock.
        let socket = ControlSocket::open(data_dir)
            .map_err(|cause| Failure::no(format!("the control socket in {}: {cause}", data_dir.display())))?;
        let (events, reader) = Events::channel();
        let log = Log::start(reader, events.clone(), EventFiles::new(data_dir, Keep::default()), stream)?;
        tell(&recovery, &events);
        let parts = Parts {
            spool: spool.clone(),
            directory: directory.clone(),
            events: events.clone(),
            outside: Outside::default(),
        };
        let server = match Server::start(settings.clone(), parts) {
            Ok(server) => server,
            Err(cause) => {
                log.finish();
                return Err(Failure::no(cause));
            }
        };
        let reloading = Arc::new(Reloading {
            server,
            directory,
            events: events.clone(),
            path: path.to_path_buf(),
            data_dir: data_dir.clone(),
            settings: Mutex::new(settings.clone()),
        });
        let (ended, watched) = watch::channel(false);
        let queue = Local::new(spool.clone(), events.clone()).beside(reloading.server.repeats());
        let queue = Arc::new(queue);
        let helpers = vec![
            tokio::spawn(socket.serve(queue, reloading.clone(), watched.clone())),
            tokio::spawn(watch_certificate(reloading.clone(), watched)),
        ];
        Ok(Self { reloading, spool, events, ended, helpers, log })
    }

    /// Where each listener listens, by its name.
    #[must_use]
    pub fn addresses(&self) -> &[(String, SocketAddr)] {
        self.reloading.server.addresses()
    }

    /// Reads the configuration again. A bad new one is told as an event, and the old one stays in force.
    pub fn reload(&self) {
        // Whoever asked by a signal can be told by an event only.
        let _ = self.reloading.reload_file();
    }

    /// Resolves with the cause once the spool has failed: nothing may be taken any more.
    pub async fn failed(&self) -> SpoolError {
        self.spool.failed().await
    }

    /// Tells that a part of the machine failed.
    pub fn trouble(&self, part: &'static str, cause: impl ToString, hint: &'static str) {
        self.events.emit(None, None, What::Trouble { part, cause: cause.to_string(), hint });
    }

    /// Ends everything: sessions and deliveries get `patience`, then they are broken off. What had its 250 is in
    /// the spool. Says whether all ended by itself.
    pub async fn drain(self, patience: Duration) -> bool {
        let ended = self.reloading.server.drain(patience).await;
        // Nobody listens any more if both helpers have ended, which is what is wanted.
        let _ = self.ended.send(true);
        for helper in self.helpers {
            let _ = helper.await;
        }
        self.log.finish();
        ended
    }
}

fn open_spool(settings: &Settings, data_dir: &Path) -> Result<(Arc<Messages>, Recovery), Failure> {
    let defaults = EmbeddedSettings::default();
    let largest = settings.rules.limits.message_size + TRACE_FIELDS;
    let content = defaults.content.max(largest);
    let spool_settings = EmbeddedSettings { content, ..defaults };
    let opened = Messages::open(&data_dir.join("spool"), spool_settings, gatepost_mta::event::now());
    let (spool, recovery) = opened.map_err(|cause| {
        if matches!(cause, SpoolError::Locked { .. }) {
            Failure::no(format!("{cause}: is gatepost running already?"))
        } else {
            Failure::no(cause)
        }
    })?;
    Ok((Arc::new(spool), recovery))
}

fn tell(recovery: &Recovery, events: &Events) {
    for damage in &recovery.damages {
        let file = damage.file.display();
        let cause = match damage.id {
            Some(id) => {
                format!("{} of message {id} is damaged, in {file} at {}", damage.part, damage.offset.0)
            }
            None => format!("{file} is damaged at {}", damage.offset.0),
        };
        let hint = "other messages are not touched; look at the disk, and at `gatepost queue show`";
        events.emit(None, damage.id, What::Trouble { part: "spool", cause, hint });
    }
}

impl Reloading {
    fn reload_file(&self) -> Result<(), ControlError> {
        let reloaded = self.try_reload();
        let what = match &reloaded {
            Ok(()) => What::Reloaded,
            Err(ControlError(cause)) => What::ReloadRefused { cause: cause.clone() },
        };
        self.events.emit(None, None, what);
        reloaded
    }

    fn try_reload(&self) -> Result<(), ControlError> {
        let loaded = place::load_file(&self.path).map_err(|refused| ControlError(refused.to_string()))?;
        let Configuration { settings, data_dir, sources } = loaded.configuration;
        if data_dir != self.data_dir {
            let old = self.data_dir.display();
            return Err(ControlError(format!("data-dir has changed from {old}, which needs a restart")));
        }
        let sources = place::sources(&sources, self.directory.memory())
            .map_err(|failure| ControlError(failure.to_string()))?;
        self.put_in_force(settings)?;
        self.directory.replace(sources);
        Ok(())
    }

    fn put_in_force(&self, settings: Settings) -> Result<(), ControlError> {
        self.server.reload(settings.clone()).map_err(|cause| ControlError(cause.to_string()))?;
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        Ok(())
    }

    fn settings(&self) -> Settings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Reload for Reloading {
    async fn reload(&self) -> Result<(), ControlError> {
        self.reload_file()
    }
}

/// When a file was changed, and its size: what tells one certificate from the next.
type Mark = Option<(SystemTime, u64)>;

/// Certificate and key as they were when last looked at.
struct Watched {
    in_force: [Mark; 2],
    seen: [Mark; 2],
}

impl Watched {
    const fn new(marks: [Mark; 2]) -> Self {
        Self { in_force: marks, seen: marks }
    }

    /// Whether there are new ones that have rested for a turn: a half-written file is not read.
    fn turn(&mut self, now: [Mark; 2]) -> bool {
        let rested = now == self.seen && now.iter().all(Option::is_some);
        self.seen = now;
        let new = rested && now != self.in_force;
        if new {
            self.in_force = now;
        }
        new
    }
}

/// Puts new certificates in force, so that nobody needs to think of a signal when one is renewed.
async fn watch_certificate(reloading: Arc<Reloading>, mut ended: watch::Receiver<bool>) {
    let mut turns = tokio::time::interval(CERTIFICATE_WATCH);
    let mut watched = Watched::new(marks(&reloading.settings().tls));
    loop {
        tokio::select! {
            _ = turns.tick() => {}
            _ = ended.wait_for(|ended| *ended) => return,
        }
        let settings = reloading.settings();
        if watched.turn(marks(&settings.tls)) {
            let what = match reloading.put_in_force(settings) {
                Ok(()) => What::Reloaded,
                Err(ControlError(cause)) => What::ReloadRefused { cause },
            };
            reloading.events.emit(None, None, what);
        }
    }
}

fn marks(tls: &Option<TlsFiles>) -> [Mark; 2] {
    let mark = |path: &Path| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    tls.as_ref().map_or([None; 2], |files| [mark(&files.certificate), mark(&files.private_key)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_certificate_counts_once_it_has_rested() {
        let mark = |size: u64| Some((SystemTime::UNIX_EPOCH, size));
        let (old, half, new) = ([mark(1), mark(1)], [mark(2), mark(1)], [mark(2), mark(2)]);
        let mut watched = Watched::new(old);
        let turns = [
            ("nothing happened", old, false),
            ("half of it is there", half, false),
            ("the rest came", new, false),
            ("it rested", new, true),
            ("it is in force already", new, false),
            ("the key is gone", [mark(2), None], false),
            ("it stays away", [mark(2), None], false),
            ("it is back as it was", new, false),
            ("still", new, false),
        ];
        for (name, now, want) in turns {
            assert_eq!(watched.turn(now), want, "{name}");
        }
    }
}
