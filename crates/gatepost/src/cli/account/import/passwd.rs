//! Files with one account a line, its parts between colons: Dovecot's passwd-files and Apache's htpasswd.

use gatepost_sasl::Secret;

use super::{Entry, Unusable};

/// Which part of a passwd-file's line holds Dovecot's extra fields; the first is 0.
const EXTRA: usize = 7;

/// The accounts of a passwd-file (Dovecot's manual, "Passwd-file").
pub(super) fn dovecot(text: &str) -> Vec<Entry> {
    each(text, |line, parts| {
        let extra = parts.get(EXTRA..).unwrap_or_default().join(":");
        let mut fields = extra.split_ascii_whitespace();
        let off = fields.any(|field| field == "nologin" || field.starts_with("nologin="));
        let stored = match parts.get(1) {
            _ if off => Err(Unusable::Skipped("logging in is switched off there (nologin)")),
            Some(stored) => Ok(Secret::new(*stored)),
            None => Err(Unusable::Broken("there is no colon in it")),
        };
        let nets = extra.split_ascii_whitespace().find(|field| field.starts_with("allow_nets="));
        let note =
            nets.map(|_| "allow_nets is not carried over; a device can be bound to networks".to_owned());
        Entry { line, name: name(parts), stored, note }
    })
}

/// The accounts of an htpasswd file.
pub(super) fn htpasswd(text: &str) -> Vec<Entry> {
    each(text, |line, parts| {
        let stored = match parts.get(1) {
            Some(stored) => Ok(Secret::new(*stored)),
            None => Err(Unusable::Broken("there is no colon in it")),
        };
        Entry { line, name: name(parts), stored, note: None }
    })
}

fn name(parts: &[&str]) -> String {
    parts.first().copied().unwrap_or_default().trim().to_owned()
}

/// Empty lines and comments are nobody.
fn each(text: &str, read: impl Fn(usize, &[&str]) -> Entry) -> Vec<Entry> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim_end_matches('\r')));
    lines
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|(number, line)| read(number, &line.split(':').collect::<Vec<_>>()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(entries: &[Entry]) -> Vec<(usize, &str, Option<&[u8]>)> {
        let each = entries.iter();
        each.map(|one| (one.line, one.name.as_str(), one.stored.as_ref().ok().map(Secret::expose))).collect()
    }

    #[test]
    fn lines_of_a_passwd_file_are_read() {
        let text = "# people\n\nada@gatepost.example:{SHA}x=:1000:1000::/home/ada::userdb_mail=maildir:~/Mail allow_nets=10.0.0.0/8\r\n\
                    bob:$6$a$b:::::\ngone:{PLAIN}x::::::nologin\nbroken\nquota:{PLAIN}y::::::userdb_quota_rule=*:bytes=1G\n";
        let entries = dovecot(text);
        let want: [(usize, &str, Option<&[u8]>); 5] = [
            (3, "ada@gatepost.example", Some(b"{SHA}x=")),
            (4, "bob", Some(b"$6$a$b")),
            (5, "gone", None),
            (6, "broken", None),
            (7, "quota", Some(b"{PLAIN}y")),
        ];
        assert_eq!(shown(&entries), want);
        assert!(entries[0].note.as_ref().unwrap().contains("allow_nets"));
        assert!(matches!(entries[2].stored, Err(Unusable::Skipped(_))));
        assert!(matches!(entries[3].stored, Err(Unusable::Broken(_))));
    }

    #[test]
    fn lines_of_an_htpasswd_file_are_read() {
        let entries = htpasswd("ada:$apr1$a$b\n\nbob:{SHA}x=\nbroken\n");
        let want: [(usize, &str, Option<&[u8]>); 3] =
            [(1, "ada", Some(b"$apr1$a$b")), (3, "bob", Some(b"{SHA}x=")), (4, "broken", None)];
        assert_eq!(shown(&entries), want);
    }
}
