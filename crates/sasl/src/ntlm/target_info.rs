//! Target information: a list of numbered values ([MS-NLMP] section 2.2.2.1, `AV_PAIR`) in which server and client
//! tell each other what they are.

use super::message::wide;

const END: u16 = 0;
const NETBIOS_COMPUTER: u16 = 1;
const NETBIOS_DOMAIN: u16 = 2;
const DNS_COMPUTER: u16 = 3;
const DNS_DOMAIN: u16 = 4;
const FLAGS: u16 = 6;
const TIMESTAMP: u16 = 7;
const CHANNEL_BINDINGS: u16 = 10;

/// In `MsvAvFlags`: the message has a MIC.
pub(super) const FLAG_MIC: u32 = 2;

/// The longest NetBIOS name, in octets.
const NETBIOS_OCTETS_MOST: usize = 15;
/// The longest domain name, in characters (RFC 1035 section 2.3.4).
const DNS_CHARACTERS_MOST: usize = 255;

/// Seconds from 1601, where Windows begins to count, to 1970.
const SECONDS_TO_1970: u64 = 11_644_473_600;
/// Windows counts tenths of a microsecond.
const TICKS_PER_SECOND: u64 = 10_000_000;

/// Values in the order in which they were sent, without the one that ends the list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct TargetInfo(Vec<(u16, Vec<u8>)>);

impl TargetInfo {
    /// What a server of that name says of itself. `time` is in seconds since 1970.
    pub(super) fn of_server(host: &str, realm: &str, time: u64) -> Self {
        let dns = |name: &str| wide(&name.chars().take(DNS_CHARACTERS_MOST).collect::<String>());
        Self(vec![
            (NETBIOS_DOMAIN, wide(&netbios(realm))),
            (NETBIOS_COMPUTER, wide(&netbios(host))),
            (DNS_DOMAIN, dns(realm)),
            (DNS_COMPUTER, dns(host)),
            (TIMESTAMP, file_time(time).to_vec()),
        ])
    }

    /// `None` if it is cut. What follows the end of the list is no part of it: clients put zeros there.
    pub(super) fn read(mut octets: &[u8]) -> Option<Self> {
        let mut values = Vec::new();
        while let Some((head, rest)) = octets.split_first_chunk::<4>() {
            let [low, high, length_low, length_high] = *head;
            let number = u16::from_le_bytes([low, high]);
            if number == END {
                return Some(Self(values));
            }
            let (value, rest) =
                rest.split_at_checked(u16::from_le_bytes([length_low, length_high]).into())?;
            values.push((number, value.to_vec()));
            octets = rest;
        }
        // No list at all is what clients send that got none.
        if octets.is_empty() && values.is_empty() { Some(Self(values)) } else { None }
    }

    /// `None` if a value is too long.
    pub(super) fn write(&self) -> Option<Vec<u8>> {
        let mut octets = Vec::new();
        for (number, value) in &self.0 {
            octets.extend_from_slice(&number.to_le_bytes());
            octets.extend_from_slice(&u16::try_from(value.len()).ok()?.to_le_bytes());
            octets.extend_from_slice(value);
        }
        octets.extend_from_slice(&[0; 4]);
        Some(octets)
    }

    /// `MsvAvFlags`.
    pub(super) fn flags(&self) -> Option<u32> {
        self.value(FLAGS)?.try_into().map(u32::from_le_bytes).ok()
    }

    /// `MsvAvTimestamp`, as it is.
    pub(super) fn timestamp(&self) -> Option<[u8; 8]> {
        self.value(TIMESTAMP)?.try_into().ok()
    }

    /// `MsvAvChannelBindings`; `None` if there are none, which clients also say by zeros.
    pub(super) fn binding(&self) -> Option<[u8; 16]> {
        // One of another length must not count as none: it becomes one that matches no channel.
        let value: [u8; 16] = self.value(CHANNEL_BINDINGS)?.try_into().unwrap_or([0xff; 16]);
        (value != [0; 16]).then_some(value)
    }

    pub(super) fn set_flags(&mut self, flags: u32) {
        self.set(FLAGS, flags.to_le_bytes().to_vec());
    }

    pub(super) fn set_binding(&mut self, hash: &[u8]) {
        self.set(CHANNEL_BINDINGS, hash.to_vec());
    }

    fn value(&self, wanted: u16) -> Option<&[u8]> {
        self.0.iter().find(|(number, _)| *number == wanted).map(|(_, value)| value.as_slice())
    }

    fn set(&mut self, number: u16, value: Vec<u8>) {
        self.0.retain(|(other, _)| *other != number);
        self.0.push((number, value));
    }
}

/// What stands for a domain name where NetBIOS wants one of its own: the first label.
pub(super) fn netbios(name: &str) -> String {
    let label = name.split('.').next().unwrap_or_default();
    let fits = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-';
    let short: String = label.chars().filter(fits).take(NETBIOS_OCTETS_MOST).collect();
    if short.is_empty() { "SERVER".to_owned() } else { short.to_ascii_uppercase() }
}

/// Seconds since 1970 as Windows writes a time.
pub(super) fn file_time(time: u64) -> [u8; 8] {
    time.saturating_add(SECONDS_TO_1970).saturating_mul(TICKS_PER_SECOND).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::{TargetInfo, file_time, netbios};

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let info = TargetInfo::of_server("mail.gatepost.example", "gatepost.example", 1_700_000_000);
        let octets = info.write().unwrap();
        assert_eq!(TargetInfo::read(&octets), Some(info.clone()));
        assert_eq!(TargetInfo::read(&[octets.as_slice(), &[0; 4]].concat()), Some(info));
        assert_eq!(TargetInfo::read(&[]), Some(TargetInfo::default()));
        for cut in 1..octets.len() {
            assert_eq!(TargetInfo::read(&octets[..cut]), None, "{cut}");
        }
    }

    /// A binding of the wrong length must not count as none.
    #[test]
    fn only_zeros_are_no_binding() {
        let mut info = TargetInfo::default();
        assert_eq!(info.binding(), None);
        info.set_binding(&[0; 16]);
        assert_eq!(info.binding(), None);
        info.set_binding(&[7; 16]);
        assert_eq!(info.binding(), Some([7; 16]));
        info.set_binding(&[7; 15]);
        assert!(info.binding().is_some());
    }

    #[test]
    fn names_and_times_are_as_windows_has_them() {
        for (name, want) in [
            ("mail.gatepost.example", "MAIL"),
            ("mail", "MAIL"),
            ("a-very-long-first-label.example", "A-VERY-LONG-FIR"),
            ("[192.0.2.1]", "192"),
            ("", "SERVER"),
        ] {
            assert_eq!(netbios(name), want);
        }
        // 2023-11-14T22:13:20Z.
        assert_eq!(file_time(1_700_000_000), 133_444_736_000_000_000_u64.to_le_bytes());
        assert_eq!(file_time(u64::MAX), u64::MAX.to_le_bytes());
    }
}
