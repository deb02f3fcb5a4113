//! Text to steps.

use super::{Act, Dialogue, Step};

/// Most octets that one `C*` line may make.
const MOST_REPEATED: usize = 64 * 1024 * 1024;

/// Reads the text; on failure, the line and what is wrong with it.
pub(super) fn dialogue(name: &str, text: &str) -> Result<Dialogue, (usize, String)> {
    let mut dialogue = Dialogue { name: name.to_owned(), settings: Vec::new(), steps: Vec::new() };
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        if mark == "@" {
            let (key, value) = rest.trim().split_once(' ').unwrap_or((rest.trim(), ""));
            dialogue.settings.push((key.to_owned(), value.trim().to_owned()));
            continue;
        }
        let act = act(mark, rest).map_err(|why| (number, why))?;
        dialogue.steps.push(Step { line: number, act });
    }
    if dialogue.steps.is_empty() {
        return Err((1, "the case has no step".to_owned()));
    }
    Ok(dialogue)
}

fn act(mark: &str, rest: &str) -> Result<Act, String> {
    match mark {
        "C" => Ok(Act::Send(format!("{rest}\r\n").into_bytes())),
        "C<" => Ok(Act::Send(unescaped(rest)?)),
        "C*" => repeated(rest),
        "S" => Ok(Act::Expect(without_comment(rest).to_owned())),
        "S!" => Ok(Act::Refute(without_comment(rest).to_owned())),
        "!" => match without_comment(rest) {
            "tls" => Ok(Act::Encrypt),
            "closed" => Ok(Act::Closed),
            "hang up" => Ok(Act::HangUp),
            other => Err(format!("`! {other}` is none of `! tls`, `! closed`, `! hang up`")),
        },
        other => Err(format!("a line begins with #, @, C, C<, C*, S, S! or !, not with `{other}`")),
    }
}

fn repeated(rest: &str) -> Result<Act, String> {
    let (count, text) = rest.split_once(' ').ok_or("`C*` needs a count and a text")?;
    let count: usize = count.parse().map_err(|_| format!("`{count}` is no count"))?;
    let octets = unescaped(text)?;
    if octets.len().saturating_mul(count) > MOST_REPEATED {
        return Err(format!("more than {MOST_REPEATED} octets"));
    }
    Ok(Act::Send(octets.repeat(count)))
}

fn without_comment(text: &str) -> &str {
    text.split_once("  #").map_or(text, |(before, _comment)| before).trim_end()
}

fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '\\' {
            octets.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        octets.push(match rest.next() {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('\\') => b'\\',
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                u8::from_str_radix(&digits, 16).map_err(|_| format!("`\\x{digits}` is no octet"))?
            }
            other => return Err(format!("`\\{}` is no escape", other.unwrap_or(' '))),
        });
    }
    Ok(octets)
}
