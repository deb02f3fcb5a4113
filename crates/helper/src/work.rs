//! What one helper is for: its command line, read.

use std::time::Duration;

/// The longest life of a helper that checks a password. Slow directories behind PAM answer in seconds, or not at all.
const PASSWORD_LIFE_MOST: Duration = Duration::from_secs(60);

/// The longest life of a helper that holds a Kerberos context: longer than the five minutes that a peer has for each
/// line (RFC 5321 section 4.5.3.2), as a login has three or four.
const CONTEXT_LIFE_MOST: Duration = Duration::from_secs(20 * 60);

/// What one helper is for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Check one password.
    Pam {
        /// The name of the file in the folder of services.
        service: String,
        /// That folder, where it is not the system's.
        folder: Option<String>,
    },
    /// Be a Kerberos server for one exchange.
    Accept {
        /// `smtp` for that service on any host of the keytab, or `smtp@host`.
        service: String,
        /// Where the keys are.
        keytab: String,
    },
    /// Be a Kerberos client for one exchange.
    InitByKeytab {
        /// Where the key is.
        keytab: String,
        /// Whose.
        principal: String,
    },
    /// Be a Kerberos client for one exchange.
    InitByCache {
        /// Where the tickets are; none means the library's own place.
        cache: Option<String>,
    },
}

impl Work {
    /// Reads the words after the program's name.
    pub(crate) fn read(arguments: &[String]) -> Option<Self> {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let work = match *words.as_slice() {
            ["pam", service] => Self::Pam { service: service.into(), folder: None },
            ["pam", service, folder] => Self::Pam { service: service.into(), folder: Some(folder.into()) },
            ["accept", service, keytab] => Self::Accept { service: service.into(), keytab: keytab.into() },
            ["init", "keytab", keytab, principal] => {
                Self::InitByKeytab { keytab: keytab.into(), principal: principal.into() }
            }
            ["init", "cache"] => Self::InitByCache { cache: None },
            ["init", "cache", cache] => Self::InitByCache { cache: Some(cache.into()) },
            _ => return None,
        };
        // A NUL cannot come by a command line, and an empty word is a variable that was not set.
        arguments.iter().all(|word| !word.is_empty() && !word.contains('\0')).then_some(work)
    }

    /// The fields of the first frame: who speaks, the version of what is spoken, the kind of work, and its service.
    pub(crate) fn greeting(&self) -> Vec<&[u8]> {
        let (kind, service) = match self {
            Self::Pam { service, .. } => ("pam", service.as_str()),
            Self::Accept { service, .. } => ("accept", service.as_str()),
            Self::InitByKeytab { .. } | Self::InitByCache { .. } => ("init", ""),
        };
        vec![b"gatepost-helper", b"1", kind.as_bytes(), service.as_bytes()]
    }

    /// After this time the process ends, whatever it is doing.
    pub(crate) fn longest_life(&self) -> Duration {
        match self {
            Self::Pam { .. } => PASSWORD_LIFE_MOST,
            Self::Accept { .. } | Self::InitByKeytab { .. } | Self::InitByCache { .. } => CONTEXT_LIFE_MOST,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Work;

    fn read(line: &str) -> Option<Work> {
        Work::read(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn only_whole_command_lines_are_understood() {
        assert!(matches!(read("pam gatepost"), Some(Work::Pam { folder: None, .. })));
        assert!(matches!(read("pam gatepost /etc/pam.d"), Some(Work::Pam { folder: Some(_), .. })));
        assert!(matches!(read("accept smtp /etc/krb5.keytab"), Some(Work::Accept { .. })));
        assert!(matches!(read("init keytab /k ada@GATEPOST.EXAMPLE"), Some(Work::InitByKeytab { .. })));
        assert!(matches!(read("init cache"), Some(Work::InitByCache { cache: None })));
        for line in ["", "pam", "pam ", "pam a b c", "accept smtp", "init", "init keytab /k", "login ada"] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
