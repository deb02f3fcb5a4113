//! Makes new inputs from seeds, the same ones each time.

use gatepost_fuzz::Chance;

/// Longest input that grows by small steps. Long runs of one word may go beyond.
const LONGEST: usize = 8 * 1024;

/// Longest run of one word, in octets: longer than most lines may be.
const LONGEST_RUN: usize = 70 * 1024;

/// How many changes are made to a seed at most.
const MOST_CHANGES: usize = 6;

/// What readers look for.
const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\r",
    b"\n",
    b"\0",
    b"\x01",
    b"\r\n.\r\n",
    b"\n.\n",
    b"\r\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r\n..\r\n",
    b"EHLO a\r\n",
    b"HELO a\r\n",
    b"LHLO a\r\n",
    b"MAIL FROM:<>\r\n",
    b"MAIL FROM:<a@b.example> BODY=BINARYMIME\r\n",
    b"MAIL FROM:<",
    b"RCPT TO:<a@b.example>\r\n",
    b"RCPT TO:<",
    b"DATA\r\n",
    b"BDAT 5 LAST\r\n",
    b"BDAT 5 LAST",
    b"BDAT 0\r\n",
    b"BDAT 99999999999999999999\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"QUIT\r\n",
    b"STARTTLS\r\n",
    b"AUTH CRAM-MD5\r\n",
    b"AUTH PLAIN =\r\n",
    b"AUTH PLAIN AGFkYQBz\r\n",
    b"*\r\n",
    b"YQ==\r\n",
    b" SIZE=100",
    b" SMTPUTF8",
    b" BODY=8BITMIME",
    b" NOTIFY=NEVER",
    b" ORCPT=rfc822;a+2Bb",
    b" ORCPT=utf-8;\\x{1F600}",
    b" ENVID=QQ+0D",
    b" RET=HDRS",
    b" AUTH=<>",
    b"220 a\r\n",
    b"250 ok\r\n",
    b"250-a\r\n",
    b"250-PIPELINING\r\n",
    b"250 CHUNKING\r\n",
    b"250-LIMITS RCPTMAX=1\r\n",
    b"250-STARTTLS\r\n",
    b"250 AUTH PLAIN\r\n",
    b"334 YQ==\r\n",
    b"334 \r\n",
    b"235 2.7.0 ok\r\n",
    b"354 go\r\n",
    b"421 4.3.2 bye\r\n",
    b"452 4.5.3 too many\r\n",
    b"550 5.1.1 no\r\n",
    b"From: ",
    b"\r\nFrom: a@b.example",
    b"Sender: ",
    b"Received: ",
    b"Delivered-To: ",
    b"Bcc: x\r\n",
    b"\r\n ",
    b"\r\n\t",
    b"\r\n\r\n",
    b"Content-Type: multipart/mixed; boundary=a\r\n",
    b"Content-Type: message/rfc822\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: 8bit\r\n",
    b"\r\n--a\r\n",
    b"\r\n--a--\r\n",
    b"<",
    b">",
    b"@",
    b"\"",
    b"\\",
    b"(",
    b")",
    b":",
    b";",
    b",",
    b".",
    b"[",
    b"]",
    b"[IPv6:::1]",
    b"[192.0.2.1]",
    b"@a,@b:",
    b"postmaster",
    b"xn--",
    b"xn--bcher-kva",
    b"=?utf-8?B?YQ==?=",
    b"\\x{0D}",
    b"+0D+0A",
    b"+2B",
    b"n,,",
    b"y,,",
    b"p=tls-exporter,,",
    b"n,a=ada,",
    b",r=",
    b",s=",
    b",i=4096",
    b",i=4294967296",
    b",m=x",
    b"=2C",
    b"=3D",
    b"SCRAM-SHA-256$4096:",
    b"\x01\x01",
    b"\x01auth=Bearer ",
    b"\x01host=mail.ours.example",
    b"\x01port=587",
    b"user=ada",
    b",authzid=\"",
    b",qop=auth",
    b",realm=\"mail.ours.example\"",
    b",oauth_nonce=\"",
    b"%3D",
    b"{\"status\":\"",
    b"[[",
    b"\xc3\xa4",
    b"\xc3\x9f",
    b"\xe1\xba\x9e",
    b"\xce\xa3",
    b"\xc4\xb0",
    b"\xe2\x80\xa8",
    b"\xc2\xa0",
    b"\xc2\xad",
    b"\xef\xbc\xa0",
    b"\xe3\x80\x82",
    b"\xf0\x9f\x98\x80",
    b"\xff",
    b"\x80",
];

/// Makes new inputs.
pub(crate) struct Spoiler<'a> {
    pub(crate) chance: Chance,
    seeds: &'a [Vec<u8>],
}

impl<'a> Spoiler<'a> {
    pub(crate) fn new(chance: Chance, seeds: &'a [Vec<u8>]) -> Self {
        Self { chance, seeds }
    }

    /// Octets that mean nothing, and words that mean something elsewhere.
    pub(crate) fn noise(&mut self) -> Vec<u8> {
        let length = self.chance.below(300);
        let mut input = Vec::new();
        while input.len() < length {
            if self.chance.once_in(2) {
                input.push(self.chance.octet());
            } else {
                input.extend_from_slice(self.chance.pick(WORDS));
            }
        }
        input
    }

    /// A seed with a few changes.
    pub(crate) fn spoil(&mut self) -> Vec<u8> {
        let mut input = self.seeds[self.chance.below(self.seeds.len())].clone();
        for _ in 0..=self.chance.below(MOST_CHANGES) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        if self.chance.once_in(100) {
            self.run(&mut input);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.chance.below(input.len() + 1);
        let rest = input.len() - at;
        match self.chance.below(9) {
            0 if rest > 0 => input[at] ^= 1 << self.chance.below(8),
            1 if rest > 0 => input[at] = self.chance.octet(),
            2 => drop(input.drain(at..at + self.chance.below(rest.min(16) + 1))),
            3 => input.insert(at, self.chance.octet()),
            4 => input.truncate(at),
            5 => self.splice(input, at),
            6 => {
                let end = at + self.chance.below(rest.min(64) + 1);
                let again = input[at..end].to_vec();
                put(input, at, &again);
            }
            _ => {
                let word = self.chance.pick(WORDS);
                put(input, at, word);
            }
        }
    }

    /// The end of another seed in place of this one's.
    fn splice(&mut self, input: &mut Vec<u8>, at: usize) {
        let other = &self.seeds[self.chance.below(self.seeds.len())];
        let from = self.chance.below(other.len() + 1);
        input.truncate(at);
        input.extend_from_slice(&other[from..]);
    }

    /// One word, or one octet, again and again.
    fn run(&mut self, input: &mut Vec<u8>) {
        let at = self.chance.below(input.len() + 1);
        let word: &[u8] = if self.chance.once_in(2) { b"x" } else { self.chance.pick(WORDS) };
        let times = self.chance.below(LONGEST_RUN) / word.len();
        put(input, at, &word.repeat(times));
    }
}

fn put(input: &mut Vec<u8>, at: usize, word: &[u8]) {
    input.splice(at..at, word.iter().copied());
}
