//! The service extensions we know: one table for both sides.

/// A service extension (RFC 5321 section 2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extension {
    /// Commands may be sent without waiting for replies. RFC 2920.
    Pipelining,
    /// `SIZE` on MAIL, and the largest message taken. RFC 1870.
    Size,
    /// `BODY=8BITMIME`. RFC 6152.
    EightBitMime,
    /// `SMTPUTF8`: addresses and header fields in UTF-8. RFC 6531.
    SmtpUtf8,
    /// Replies carry a status such as `5.7.1`. RFC 2034.
    EnhancedStatusCodes,
    /// BDAT. RFC 3030.
    Chunking,
    /// `BODY=BINARYMIME`, with BDAT only. RFC 3030.
    BinaryMime,
    /// `RET`, `ENVID`, `NOTIFY`, `ORCPT`. RFC 3461.
    Dsn,
    /// How many recipients and transactions are taken. RFC 9422.
    Limits,
    /// TLS on the same connection. RFC 3207.
    StartTls,
    /// Logging in. RFC 4954.
    Auth,
}

/// What the table says of one extension.
struct Row {
    extension: Extension,
    keyword: &'static str,
    /// Parameters that it adds to MAIL.
    mail: &'static [&'static str],
    /// Parameters that it adds to RCPT.
    rcpt: &'static [&'static str],
}

const fn row(extension: Extension, keyword: &'static str) -> Row {
    Row { extension, keyword, mail: &[], rcpt: &[] }
}

/// In the order in which EHLO lists them.
const TABLE: [Row; 11] = [
    row(Extension::Pipelining, "PIPELINING"),
    Row { mail: &["SIZE"], ..row(Extension::Size, "SIZE") },
    Row { mail: &["BODY"], ..row(Extension::EightBitMime, "8BITMIME") },
    Row { mail: &["SMTPUTF8"], ..row(Extension::SmtpUtf8, "SMTPUTF8") },
    row(Extension::EnhancedStatusCodes, "ENHANCEDSTATUSCODES"),
    row(Extension::Chunking, "CHUNKING"),
    Row { mail: &["BODY"], ..row(Extension::BinaryMime, "BINARYMIME") },
    Row { mail: &["RET", "ENVID"], rcpt: &["NOTIFY", "ORCPT"], ..row(Extension::Dsn, "DSN") },
    row(Extension::Limits, "LIMITS"),
    row(Extension::StartTls, "STARTTLS"),
    Row { mail: &["AUTH"], ..row(Extension::Auth, "AUTH") },
];

impl Extension {
    /// All of them, in the order in which EHLO lists them.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.extension)
    }

    /// The word in the answer to EHLO.
    #[must_use]
    pub fn keyword(self) -> &'static str {
        TABLE.iter().find(|row| row.extension == self).map_or("", |row| row.keyword)
    }

    /// The extension with this keyword, in upper or lower case.
    #[must_use]
    pub fn from_keyword(keyword: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.keyword.eq_ignore_ascii_case(keyword)).map(|row| row.extension)
    }

    /// The names of the parameters that it adds to MAIL.
    #[must_use]
    pub fn mail_parameters(self) -> &'static [&'static str] {
        TABLE.iter().find(|row| row.extension == self).map_or(&[], |row| row.mail)
    }

    /// The names of the parameters that it adds to RCPT.
    #[must_use]
    pub fn rcpt_parameters(self) -> &'static [&'static str] {
        TABLE.iter().find(|row| row.extension == self).map_or(&[], |row| row.rcpt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_extension_is_found_by_its_keyword() {
        for extension in Extension::all() {
            let keyword = extension.keyword();
            assert!(!keyword.is_empty(), "{extension:?}");
            assert_eq!(Extension::from_keyword(&keyword.to_ascii_lowercase()), Some(extension));
        }
        assert_eq!(Extension::from_keyword("X-UNHEARD-OF"), None);
    }
}
