//! Tells a service manager how far we are: systemd's datagram, or a byte on a descriptor.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// What a service manager is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Every listener takes connections.
    Ready,
    /// No new sessions.
    Stopping,
}

/// Whom to tell.
#[derive(Debug, Clone, Default)]
pub struct Watchers {
    /// The socket in `$NOTIFY_SOCKET`.
    pub socket: Option<String>,
    /// The descriptor of `--ready-fd`.
    pub descriptor: Option<u32>,
}

impl Watchers {
    /// Tells all of them, whether or not another can be told.
    ///
    /// # Errors
    ///
    /// What the system says of the first that could not be told.
    pub fn tell(&self, stage: Stage) -> io::Result<()> {
        let socket = self.socket.as_deref().map_or(Ok(()), |socket| tell_socket(socket, stage));
        let descriptor = match (self.descriptor, stage) {
            (Some(descriptor), Stage::Ready) => tell_descriptor(descriptor),
            (Some(_), Stage::Stopping) | (None, Stage::Ready | Stage::Stopping) => Ok(()),
        };
        socket.and(descriptor)
    }
}

fn tell_socket(socket: &str, stage: Stage) -> io::Result<()> {
    let state = match stage {
        Stage::Ready => "READY=1",
        Stage::Stopping => "STOPPING=1",
    };
    let address = match socket.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address).map(|_| ())
}

fn tell_descriptor(descriptor: u32) -> io::Result<()> {
    // The kernel's own way to open an inherited descriptor by its number.
    OpenOptions::new().write(true).open(format!("/proc/self/fd/{descriptor}"))?.write_all(b"ready\n")
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn systemd_hears_both_stages() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let heard = UnixDatagram::bind(&path).unwrap();
        let watchers = Watchers { socket: path.to_str().map(str::to_owned), descriptor: None };
        for (stage, want) in [(Stage::Ready, "READY=1"), (Stage::Stopping, "STOPPING=1")] {
            watchers.tell(stage).unwrap();
            let mut buffer = [0; 64];
            let length = heard.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], want.as_bytes());
        }
    }

    #[test]
    fn an_abstract_socket_will_do() {
        let name = format!("gatepost-test-{}", std::process::id());
        let heard = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        Watchers { socket: Some(format!("@{name}")), descriptor: None }.tell(Stage::Ready).unwrap();
        let mut buffer = [0; 64];
        assert_eq!(heard.recv(&mut buffer).unwrap(), 7);
    }

    #[test]
    fn a_descriptor_gets_one_line() {
        let mut file = tempfile::tempfile().unwrap();
        let descriptor = u32::try_from(file.as_raw_fd()).unwrap();
        let watchers =
            Watchers { socket: Some("/nonexistent/notify".to_owned()), descriptor: Some(descriptor) };
        assert!(watchers.tell(Stage::Ready).is_err());
        assert!(watchers.tell(Stage::Stopping).is_err());
        let mut text = String::new();
        io::Read::read_to_string(&mut file, &mut text).unwrap();
        assert_eq!(text, "ready\n");
    }
}
