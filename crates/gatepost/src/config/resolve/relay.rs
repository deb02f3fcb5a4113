//! Machines that cannot log in.

use gatepost_policy::rules::{Machine, Network};

use super::Resolving;
use crate::config::fault::Fault;
use crate::config::options::MachineOptions;
use crate::config::read::Setting;
use crate::config::values::Word;

/// The widest network that may pass for one machine: beyond it are strangers.
const WIDEST_IPV4: u8 = 16;
/// One site.
const WIDEST_IPV6: u8 = 48;

pub(super) fn resolve(resolving: &mut Resolving<'_>) -> Vec<Machine> {
    let options = resolving.options;
    for (name, machine) in &options.relay.machine.entries {
        check_networks(resolving, name, machine);
        if machine.senders.items.is_empty() {
            resolving.note(
                Fault::error(format!("[relay.machine.{}] has no sender that it may use", name.value.0))
                    .at(machine.senders.place.clone(), "empty")
                    .mend("write the address that it sends as: [\"scanner@example.org\"]"),
            );
        }
    }
    check_overlaps(resolving);
    options
        .relay
        .machine
        .entries
        .iter()
        .map(|(name, machine)| Machine {
            name: name.value.0.clone(),
            networks: machine.from_networks.items.iter().map(|network| network.value).collect(),
            senders: machine.senders.items.iter().map(|sender| sender.value.folded()).collect(),
            messages_per_hour: machine.messages_per_hour.value,
        })
        .collect()
}

fn check_networks(resolving: &mut Resolving<'_>, name: &Setting<Word>, machine: &MachineOptions) {
    let name = &name.value.0;
    if machine.from_networks.items.is_empty() {
        resolving.note(
            Fault::error(format!("[relay.machine.{name}] has no address that it connects from"))
                .at(machine.from_networks.place.clone(), "empty")
                .mend("write its address: [\"10.0.7.20/32\"]"),
        );
    }
    for network in &machine.from_networks.items {
        let widest = if network.value.address.is_ipv4() { WIDEST_IPV4 } else { WIDEST_IPV6 };
        if network.value.prefix < widest {
            resolving.note(
                Fault::error(format!("[relay.machine.{name}] would let strangers relay"))
                    .at(network.place.clone(), format!("more than a /{widest}: this is not one machine"))
                    .mend("write the addresses of the machine itself"),
            );
        }
    }
}

fn check_overlaps(resolving: &mut Resolving<'_>) {
    let entries = &resolving.options.relay.machine.entries;
    let all: Vec<(&str, &Setting<Network>)> = entries
        .iter()
        .flat_map(|(name, machine)| {
            machine.from_networks.items.iter().map(move |network| (name.value.0.as_str(), network))
        })
        .collect();
    let mut faults = Vec::new();
    for (index, (name, network)) in all.iter().enumerate() {
        let mut earlier = all.iter().take(index).filter(|(other, _)| other != name);
        let touches =
            |one: &Network, other: &Network| one.contains(other.address) && one.prefix <= other.prefix;
        let clash = earlier.find(|(_, other)| {
            touches(&network.value, &other.value) || touches(&other.value, &network.value)
        });
        if let Some((other, first)) = clash {
            faults.push(
                Fault::error(format!("nobody can tell the machines {other} and {name} apart"))
                    .at(network.place.clone(), format!("of {name}"))
                    .against(first.place.clone(), format!("of {other}"))
                    .mend("give each machine its own addresses"),
            );
        }
    }
    faults.into_iter().for_each(|fault| resolving.note(fault));
}
