//! Changing messages: those that are named, or all that fit, a page at a time.

use gatepost_mail::SpoolId;
use serde_json::{Value, json};

use super::{Meant, Pages, Selection, ids_of, meant, who};
use crate::cli::console::{Console, Format};
use crate::cli::failure::{Failure, Outcome, Status};
use crate::control::{Action, PAGE, Queue};

pub(super) async fn run(
    action: Action,
    selection: &Selection,
    queue: &impl Queue,
    console: &mut Console<'_>,
) -> Outcome {
    let mut changes = Changes { action, queue, by: who(), done: 0, failures: 0, told: Vec::new() };
    match meant(selection)? {
        Meant::Ids(ids) => {
            for ids in ids.chunks(PAGE) {
                changes.make(ids, console).await?;
            }
        }
        Meant::Fitting(filters) => {
            let mut pages = Pages::new(filters, queue);
            while let Some(page) = pages.next().await? {
                changes.make(&ids_of(&page)?, console).await?;
            }
        }
    }
    changes.tell(console)
}

/// Changes of one kind, and how they went.
struct Changes<'a, Q> {
    action: Action,
    queue: &'a Q,
    by: String,
    done: usize,
    failures: usize,
    /// For machines.
    told: Vec<Value>,
}

impl<Q: Queue> Changes<'_, Q> {
    async fn make(&mut self, ids: &[SpoolId], console: &mut Console<'_>) -> Result<(), Failure> {
        let but = self.queue.change(self.action, ids, &self.by).await?;
        for unchanged in &but {
            console.complain(format!("gatepost: {}", unchanged.cause))?;
        }
        self.failures += but.len();
        self.done += ids.len() - but.len();
        if console.format == Format::Machines {
            let ids = ids.iter().map(ToString::to_string);
            let changed = ids.filter(|id| but.iter().all(|unchanged| unchanged.id != *id));
            self.told.extend(changed.map(|id| json!({ "id": id, "done": self.action.done() })));
        }
        Ok(())
    }

    fn tell(self, console: &mut Console<'_>) -> Outcome {
        let (done, word) = (self.done, self.action.done());
        match console.format {
            Format::Machines => console.json(&self.told)?,
            Format::People if done == 1 => console.line(format!("1 message {word}"))?,
            Format::People => console.line(format!("{done} messages {word}"))?,
        }
        Ok(if self.failures > 0 || done == 0 { Status::No } else { Status::Done })
    }
}
