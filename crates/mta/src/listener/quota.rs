//! How much each account and machine has sent lately.
//!
//! Kept in memory only: a restart fills all buckets.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use gatepost_mail::Timestamp;
use gatepost_policy::peer::{Device, Peer};
use gatepost_policy::throttle::{Allowance, Bucket, take};
use gatepost_policy::verdict::Decision;
use gatepost_policy::{Rules, Verdict};

/// Most buckets kept before full ones are dropped.
const MOST: usize = 100_000;

/// The buckets of all accounts and machines.
#[derive(Debug, Default)]
pub struct Quotas {
    buckets: Mutex<HashMap<Key, Bucket>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    AccountMessages(String),
    AccountRecipients(String),
    MachineMessages(String),
    DeviceMessages(String, String),
}

impl Quotas {
    /// Takes one message to so many recipients from the allowances of the peer, and of its device.
    ///
    /// # Errors
    ///
    /// The verdict that puts the message off. What was taken before it stays taken.
    pub fn spend(
        &self,
        (peer, device): (&Peer, &Device),
        recipients: u32,
        now: Timestamp,
        rules: &Rules,
    ) -> Result<(), Verdict<Decision>> {
        match peer {
            Peer::Anonymous => Ok(()),
            Peer::Machine(name) => match Allowance::machine_messages(name, rules) {
                Some(allowance) => self.take(Key::MachineMessages(name.clone()), allowance, 1, now),
                None => Ok(()),
            },
            Peer::Account(name) => {
                if let (Some(label), Some(allowance)) = (device.label(), Allowance::device_messages(device)) {
                    self.take(Key::DeviceMessages(name.clone(), label.to_owned()), allowance, 1, now)?;
                }
                let (messages, recipients_of) =
                    (Allowance::account_messages(rules), Allowance::account_recipients(rules));
                self.take(Key::AccountMessages(name.clone()), messages, 1, now)?;
                self.take(Key::AccountRecipients(name.clone()), recipients_of, recipients, now)
            }
        }
    }

    fn take(
        &self,
        key: Key,
        allowance: Allowance,
        count: u32,
        now: Timestamp,
    ) -> Result<(), Verdict<Decision>> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST {
            buckets.retain(|_, bucket| !bucket.is_idle(now));
        }
        let bucket = buckets.entry(key).or_default();
        let (after, verdict) = take(*bucket, allowance, count, now);
        *bucket = after;
        if verdict.permits() { Ok(()) } else { Err(verdict) }
    }
}
