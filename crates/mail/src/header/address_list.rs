//! Lists of addresses in header fields: RFC 5322 sections 3.4 and 4.4, RFC 6532, groups by RFC 6854.

use std::iter::Peekable;
use std::str::Chars;

use crate::Mailbox;

/// Most mailboxes in one field that is read; From and Sender have one or two.
const MOST_MAILBOXES: usize = 100;

/// Deepest nesting of comments.
const MOST_COMMENTS: u32 = 16;

/// The smallest parts of a list; comments and white space are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A run of letters that need no quoting.
    Atom(String),
    /// A quoted string, its quotes and backslashes gone.
    Quoted(String),
    /// A domain literal with its brackets.
    Literal(String),
    /// One of `< > @ , : ; .`
    Mark(char),
}

/// The mailboxes of a list, or nothing if it is none.
pub(super) fn read(value: &str) -> Option<Vec<Mailbox>> {
    let tokens = tokens(value)?;
    let mut list = List { mailboxes: Vec::new(), group: Group::Outside };
    let mut rest = tokens.as_slice();
    while !rest.is_empty() {
        rest = list.entry(rest)?;
        if list.mailboxes.len() > MOST_MAILBOXES {
            return None;
        }
    }
    (list.group == Group::Outside).then_some(list.mailboxes)
}

struct List {
    mailboxes: Vec<Mailbox>,
    group: Group,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Outside,
    Inside,
}

impl List {
    /// Reads up to and with the mark that ends an entry, or `None` if it is no entry. Empty entries are obsolete
    /// and taken.
    fn entry<'a>(&mut self, tokens: &'a [Token]) -> Option<&'a [Token]> {
        let is_end = |token: &Token| matches!(token, Token::Mark(',' | ':' | ';' | '<'));
        let end = tokens.iter().position(is_end).unwrap_or(tokens.len());
        let (words, rest) = tokens.split_at(end);
        match (rest.split_first(), self.group) {
            (Some((Token::Mark('<'), rest)), _) => self.named(words, rest),
            (Some((Token::Mark(':'), rest)), Group::Outside) => {
                self.group = Group::Inside;
                is_phrase(words).then_some(rest)
            }
            (Some((Token::Mark(';'), rest)), Group::Inside) => {
                self.group = Group::Outside;
                self.plain(words)?;
                after_entry(rest)
            }
            (Some((Token::Mark(','), rest)), _) => {
                self.plain(words)?;
                Some(rest)
            }
            (Some(_), _) => None,
            (None, _) => {
                self.plain(words)?;
                Some(rest)
            }
        }
    }

    /// An address without display name, or nothing at all.
    fn plain(&mut self, words: &[Token]) -> Option<()> {
        if !words.is_empty() {
            self.mailboxes.push(address(words)?);
        }
        Some(())
    }

    /// `words <route:address>`. An address among the words is one that people may be shown.
    fn named<'a>(&mut self, words: &[Token], rest: &'a [Token]) -> Option<&'a [Token]> {
        let end = rest.iter().position(|token| *token == Token::Mark('>'))?;
        let (inner, behind) = rest.split_at(end);
        if words.contains(&Token::Mark('@')) {
            self.mailboxes.push(address(words)?);
        } else if !words.is_empty() && !is_phrase(words) {
            return None;
        }
        self.mailboxes.push(address(without_route(inner))?);
        let behind = behind.get(1..)?;
        match (behind.first(), self.group) {
            (None, _) => Some(behind),
            (Some(Token::Mark(',')), _) => behind.get(1..),
            (Some(Token::Mark(';')), Group::Inside) => Some(behind),
            (Some(_), _) => None,
        }
    }
}

/// A group is followed by a comma or the end.
fn after_entry(rest: &[Token]) -> Option<&[Token]> {
    match rest.split_first() {
        None => Some(rest),
        Some((Token::Mark(','), rest)) => Some(rest),
        Some(_) => None,
    }
}

/// Words and, as people write initials, dots.
fn is_phrase(words: &[Token]) -> bool {
    let is_word = |token: &Token| matches!(token, Token::Atom(_) | Token::Quoted(_) | Token::Mark('.'));
    !words.is_empty() && words.iter().all(is_word)
}

/// `@a,@b:address` → `address`.
fn without_route(inner: &[Token]) -> &[Token] {
    if inner.first() != Some(&Token::Mark('@')) {
        return inner;
    }
    let colon = inner.iter().position(|token| *token == Token::Mark(':'));
    colon.and_then(|at| inner.get(at + 1..)).unwrap_or(inner)
}

/// `local-part@domain`, white space and comments around the dots allowed.
fn address(tokens: &[Token]) -> Option<Mailbox> {
    let at = tokens.iter().position(|token| *token == Token::Mark('@'))?;
    let (local_part, host) = tokens.split_at(at);
    let text = format!("{}@{}", local_part_text(local_part)?, host_text(host.get(1..)?)?);
    Mailbox::parse(&text).ok()
}

fn local_part_text(tokens: &[Token]) -> Option<String> {
    let mut text = String::new();
    let mut needs_quotes = false;
    for_each_word(tokens, |word| match word {
        Token::Atom(atom) => {
            text.push_str(atom);
            Some(())
        }
        Token::Quoted(quoted) => {
            needs_quotes = true;
            text.push_str(quoted);
            Some(())
        }
        Token::Mark('.') => {
            text.push('.');
            Some(())
        }
        Token::Literal(_) | Token::Mark(_) => None,
    })?;
    if needs_quotes {
        text = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    }
    Some(text)
}

fn host_text(tokens: &[Token]) -> Option<String> {
    if let [Token::Literal(literal)] = tokens {
        return Some(literal.clone());
    }
    let mut text = String::new();
    for_each_word(tokens, |word| match word {
        Token::Atom(atom) => {
            text.push_str(atom);
            Some(())
        }
        Token::Mark('.') => {
            text.push('.');
            Some(())
        }
        Token::Quoted(_) | Token::Literal(_) | Token::Mark(_) => None,
    })?;
    Some(text)
}

/// Words with a dot between each two; two words without one are no part of an address.
fn for_each_word(tokens: &[Token], mut each: impl FnMut(&Token) -> Option<()>) -> Option<()> {
    for (place, token) in tokens.iter().enumerate() {
        let is_dot = *token == Token::Mark('.');
        if is_dot == place.is_multiple_of(2) {
            return None;
        }
        each(token)?;
    }
    Some(())
}

fn tokens(value: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut letters = value.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' => {}
            '(' => skip_comment(&mut letters)?,
            '"' => found.push(Token::Quoted(until(&mut letters, '"')?)),
            '[' => found.push(Token::Literal(format!("[{}]", until(&mut letters, ']')?))),
            '<' | '>' | '@' | ',' | ':' | ';' | '.' => found.push(Token::Mark(letter)),
            _ if is_atom_letter(letter) => found.push(Token::Atom(atom(letter, &mut letters))),
            _ => return None,
        }
    }
    Some(found)
}

fn skip_comment(letters: &mut Peekable<Chars<'_>>) -> Option<()> {
    let mut depth = 1;
    while depth > 0 {
        match letters.next()? {
            '\\' => drop(letters.next()?),
            '(' if depth == MOST_COMMENTS => return None,
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
    }
    Some(())
}

fn until(letters: &mut Peekable<Chars<'_>>, end: char) -> Option<String> {
    let mut text = String::new();
    loop {
        match letters.next()? {
            '\\' => text.push(letters.next()?),
            letter if letter == end => return Some(text),
            letter => text.push(letter),
        }
    }
}

fn atom(first: char, letters: &mut Peekable<Chars<'_>>) -> String {
    let mut text = String::from(first);
    while let Some(letter) = letters.next_if(|letter| is_atom_letter(*letter)) {
        text.push(letter);
    }
    text
}

fn is_atom_letter(letter: char) -> bool {
    if letter.is_ascii() {
        letter.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(letter)
    } else {
        !letter.is_control()
    }
}
