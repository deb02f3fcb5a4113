//! argon2id (RFC 9106), in the text form that its reference program prints.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use gatepost_sasl::{Secret, prepare};

use crate::StoreFault;
use crate::limits::{
    ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_MEMORY_KIB_MOST, ARGON2_OUTPUT_OCTETS, ARGON2_PASSES,
    ARGON2_PASSES_MOST, ARGON2_SALT_OCTETS, RECENT_MEMORY_KIB, VERIFIED_MEMORY_KIB,
};

/// A hash of a password, with what it was made with.
pub(crate) struct PasswordHash {
    form: Form,
    cost: Cost,
    salt: Vec<u8>,
    output: Secret,
}

/// Which argon2 it is. We make argon2id of version 19; others come from imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    algorithm: Algorithm,
    version: Version,
}

const FORM: Form = Form { algorithm: Algorithm::Argon2id, version: Version::V0x13 };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

const COST: Cost = Cost { memory_kib: ARGON2_MEMORY_KIB, passes: ARGON2_PASSES, lanes: ARGON2_LANES };

impl PasswordHash {
    /// The hash of a password as it was typed.
    pub(super) fn make(typed: &Secret, scratch: &mut Scratch) -> Result<Self, StoreFault> {
        let mut salt = vec![0; ARGON2_SALT_OCTETS];
        getrandom::fill(&mut salt)?;
        let output = scratch.run((FORM, COST), &prepare::password(typed), &salt, ARGON2_OUTPUT_OCTETS)?;
        Ok(Self { form: FORM, cost: COST, salt, output })
    }

    /// What passwords of users that do not exist are held against: as dear as a real one, and passed by none.
    pub(crate) fn of_nobody() -> Self {
        Self {
            form: FORM,
            cost: COST,
            salt: vec![0; ARGON2_SALT_OCTETS],
            output: Secret::new(vec![0; ARGON2_OUTPUT_OCTETS]),
        }
    }

    /// A cheap hash of a password, which is prepared already, for memory that ends with the process.
    pub(crate) fn for_a_moment(
        prepared: &Secret,
        salt: &[u8],
        scratch: &mut Scratch,
    ) -> Result<Secret, StoreFault> {
        let cost = Cost { memory_kib: RECENT_MEMORY_KIB, passes: 1, lanes: 1 };
        scratch.run((FORM, cost), prepared, salt, ARGON2_OUTPUT_OCTETS)
    }

    /// A still cheaper one, for a login whose account is held against its stored hash too.
    pub(super) fn in_passing(
        prepared: &Secret,
        salt: &[u8],
        scratch: &mut Scratch,
    ) -> Result<Secret, StoreFault> {
        let cost = Cost { memory_kib: VERIFIED_MEMORY_KIB, passes: 1, lanes: 1 };
        scratch.run((FORM, cost), prepared, salt, ARGON2_OUTPUT_OCTETS)
    }

    /// Whether this is the password, which is prepared already. One run of argon2.
    pub(crate) fn matches(&self, prepared: &Secret, scratch: &mut Scratch) -> Result<bool, StoreFault> {
        let form = (self.form, self.cost);
        Ok(scratch.run(form, prepared, &self.salt, self.output.expose().len())? == self.output)
    }

    /// `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`, base64 without padding.
    pub(super) fn to_text(&self) -> Secret {
        let Cost { memory_kib, passes, lanes } = self.cost;
        Secret::new(format!(
            "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${}${}",
            STANDARD_NO_PAD.encode(&self.salt),
            STANDARD_NO_PAD.encode(self.output.expose()),
        ))
    }

    /// Reads the text form; none if it is damaged, or dearer than anything that we make.
    pub(crate) fn from_text(text: &Secret) -> Option<Self> {
        let text = std::str::from_utf8(text.expose()).ok()?;
        let hash = Self::read(text.strip_prefix("$argon2id$v=19$")?, FORM)?;
        let ours = (ARGON2_SALT_OCTETS..=4 * ARGON2_SALT_OCTETS).contains(&hash.salt.len())
            && hash.output.expose().len() == ARGON2_OUTPUT_OCTETS;
        ours.then_some(hash)
    }

    /// Reads what another program wrote: any argon2 of either version, with a salt and an output of any fair length.
    pub(super) fn from_foreign_text(text: &str) -> Option<Self> {
        let (name, rest) = text.strip_prefix('$')?.split_once('$')?;
        let algorithm = name.parse().ok()?;
        let (version, rest) = match rest.strip_prefix("v=") {
            Some(versioned) => versioned.split_once('$')?,
            // Before version 19 nobody wrote it down.
            None => ("16", rest),
        };
        let version = Version::try_from(version.parse::<u32>().ok()?).ok()?;
        Self::read(rest, Form { algorithm, version })
    }

    /// Reads `m=19456,t=2,p=1$salt$hash`.
    fn read(text: &str, form: Form) -> Option<Self> {
        let (cost, rest) = text.strip_prefix("m=")?.split_once('$')?;
        let (memory, cost) = cost.split_once(",t=")?;
        let (passes, lanes) = cost.split_once(",p=")?;
        let cost = Cost {
            memory_kib: memory.parse().ok()?,
            passes: passes.parse().ok()?,
            lanes: lanes.parse().ok()?,
        };
        let (salt, output) = rest.split_once('$')?;
        let salt = STANDARD_NO_PAD.decode(salt).ok()?;
        let output = Secret::new(STANDARD_NO_PAD.decode(output).ok()?);
        let fair = cost.memory_kib <= ARGON2_MEMORY_KIB_MOST
            && cost.passes <= ARGON2_PASSES_MOST
            && (8..=4 * ARGON2_SALT_OCTETS).contains(&salt.len())
            && (ARGON2_OUTPUT_OCTETS / 2..=2 * ARGON2_OUTPUT_OCTETS).contains(&output.expose().len())
            && cost.params(output.expose().len()).is_ok();
        fair.then_some(Self { form, cost, salt, output })
    }
}

impl Cost {
    fn params(self, output: usize) -> Result<Params, StoreFault> {
        Params::new(self.memory_kib, self.passes, self.lanes, Some(output)).map_err(StoreFault::Hashing)
    }
}

/// The memory of argon2, kept from one run to the next, so that the system need not clear it anew for each.
pub(crate) struct Scratch {
    memory: Vec<Block>,
    runs: Arc<AtomicU64>,
}

impl Scratch {
    /// Counts its runs in `runs`.
    pub(crate) fn new(runs: Arc<AtomicU64>) -> Self {
        Self { memory: Vec::new(), runs }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.memory.is_empty()
    }

    pub(super) fn release(&mut self) {
        self.memory = Vec::new();
    }

    fn run(
        &mut self,
        (form, cost): (Form, Cost),
        password: &Secret,
        salt: &[u8],
        octets: usize,
    ) -> Result<Secret, StoreFault> {
        let params = cost.params(octets)?;
        let blocks = params.block_count();
        let missing = blocks.saturating_sub(self.memory.len());
        self.memory.try_reserve_exact(missing).map_err(|_| StoreFault::Memory)?;
        self.memory.resize(blocks.max(self.memory.len()), Block::new());
        let mut output = vec![0; octets];
        self.runs.fetch_add(1, Ordering::Relaxed);
        Argon2::new(form.algorithm, form.version, params)
            .hash_password_into_with_memory(password.expose(), salt, &mut output, self.memory.as_mut_slice())
            .map_err(StoreFault::Hashing)?;
        Ok(Secret::new(output))
    }
}

#[cfg(test)]
mod tests;
