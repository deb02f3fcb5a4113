//! MAIL and RCPT, and what is decided about them.

use gatepost_mail::reply::table as reply;
use gatepost_mail::{International, Recipient, Reply};

use super::core::{Core, Turn, refusal};
use super::phase::{Asked, Transaction};
use super::{Answer, Question};
use crate::command::{Script, Sender};

impl Core {
    /// RFC 5321 section 4.1.1.2.
    pub(super) fn mail(&mut self, sender: Sender, script: Script) -> Turn {
        if !self.is_introduced() {
            return self.fail(&reply::HELLO_FIRST);
        }
        if self.transaction.is_some() {
            return self.fail(&reply::BAD_SEQUENCE);
        }
        if script == Script::Utf8 && sender.international == International::No {
            return self.fail(&reply::NEEDS_SMTPUTF8);
        }
        let limits = &self.settings.limits;
        if sender.size.is_some_and(|size| size > limits.message_size) {
            return self.fail(&reply::TOO_LARGE);
        }
        if !self.patience.transaction(limits) {
            self.close_with(&reply::TOO_MANY_TRANSACTIONS);
            return Turn::Again;
        }
        let transaction = Transaction::of(&sender);
        self.ask(Question::Sender(sender), Asked::Sender(transaction))
    }

    pub(super) fn answer_sender(&mut self, transaction: Transaction, answer: Answer) {
        if answer == Answer::Permit {
            self.transaction = Some(transaction);
            self.output.say(&reply::SENDER_OK);
        } else {
            self.refuse_party(answer);
        }
    }

    /// RFC 5321 section 4.1.1.3.
    pub(super) fn rcpt(&mut self, recipient: Recipient, script: Script) -> Turn {
        let Some(transaction) = &self.transaction else { return self.fail(&self.mail_first()) };
        // RFC 3030 section 2: recipients come before the first chunk.
        if transaction.chunks.is_some() {
            return self.fail(&reply::BAD_SEQUENCE);
        }
        if script == Script::Utf8 && transaction.international == International::No {
            return self.fail(&reply::NEEDS_SMTPUTF8);
        }
        if transaction.recipients >= self.settings.limits.recipients.get() {
            self.patience.idle_command();
            return self.say(&reply::TOO_MANY_RECIPIENTS);
        }
        self.ask(Question::Recipient(recipient), Asked::Recipient)
    }

    pub(super) fn answer_recipient(&mut self, answer: Answer) {
        match &mut self.transaction {
            Some(transaction) if answer == Answer::Permit => {
                transaction.recipients += 1;
                self.output.say(&reply::RECIPIENT_OK);
            }
            Some(_) | None => self.refuse_party(answer),
        }
    }

    fn refuse_party(&mut self, answer: Answer) {
        let reply = refusal(answer, &reply::UNKNOWN_FOR_NOW);
        self.patience.refusal(&reply);
        self.refuse(&reply);
    }

    pub(super) fn mail_first(&self) -> Reply {
        if self.is_introduced() { reply::MAIL_FIRST } else { reply::HELLO_FIRST }
    }
}
