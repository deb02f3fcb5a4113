//! Messages as people and programs send them go through gatepost and arrive octet by octet, at real servers;
//! the dialogues of the protocol go over its sockets.

// `cfg(test)` tells the lints that helpers beside the tests may panic like the tests themselves.
#[cfg(test)]
#[expect(dead_code, reason = "the rig serves other test programs too")]
#[path = "../rig/rig.rs"]
mod rig;

#[cfg(test)]
#[expect(dead_code, reason = "the tests of logins use the rest")]
#[path = "../interop/helper.rs"]
mod helper;

#[cfg(test)]
mod dialogues;
#[cfg(test)]
mod from_postfix;
#[cfg(test)]
mod kerberos;
#[cfg(test)]
mod ourselves;
#[cfg(test)]
mod parcel;
#[cfg(test)]
mod smart_host;
#[cfg(test)]
mod smart_hosts;
#[cfg(test)]
mod to_exchanger;
#[cfg(test)]
mod to_lmtp;
#[cfg(test)]
mod to_smtp;
