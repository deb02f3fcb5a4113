//! What the client is told once its content is complete.

use std::fmt;

use gatepost_mail::Reply;
use gatepost_mail::reply::table as reply;

use super::Answer;
use super::core::{Core, refusal};
use crate::Protocol;

impl Core {
    /// The message is on stable storage.
    pub(super) fn say_stored(&mut self, receipt: &dyn fmt::Display, refused: &[(usize, Reply)]) {
        let queued = reply::QUEUED.with_text(format!("Queued as {receipt}"));
        let times = self.replies_to_content() as usize;
        for place in 0..times {
            let refused =
                refused.iter().find(|(at, _)| *at == place && self.settings.protocol == Protocol::Lmtp);
            match refused {
                Some((_, reply)) => {
                    let reply = refusal(Answer::Refuse(reply.clone()), &reply::STORAGE_FAILED);
                    self.output.say(&reply);
                }
                None => self.output.say(&queued),
            }
        }
        self.transaction = None;
        self.patience.message_taken();
    }

    /// Nothing was stored.
    pub(super) fn answer_complete(&mut self, answer: Answer) {
        let times = self.replies_to_content() as usize;
        self.abandon();
        let replies = match answer {
            Answer::PerRecipient(replies) if self.settings.protocol == Protocol::Lmtp => replies,
            answer @ (Answer::Refuse(_)
            | Answer::Permit
            | Answer::Challenge(_)
            | Answer::Authenticated
            | Answer::PerRecipient(_)) => vec![refusal(answer, &reply::STORAGE_FAILED); times],
        };
        let mut replies = replies.into_iter();
        for _ in 0..times {
            let answer = replies.next().map_or(Answer::Permit, Answer::Refuse);
            let reply = refusal(answer, &reply::STORAGE_FAILED);
            self.patience.refusal(&reply);
            self.refuse(&reply);
        }
    }
}
