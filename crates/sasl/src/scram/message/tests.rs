//! Readers of SCRAM's messages: what is taken, what is refused.

use super::{ClientFinal, ClientFirst, Flag, ServerFinal, ServerFirst, unescape};
use crate::gs2::escape;
use crate::limits;

#[test]
fn client_first_is_taken_apart() {
    let read = |text: &'static str| ClientFirst::read(text.as_bytes()).unwrap();
    let plain = read("n,,n=user,r=fyko");
    assert_eq!((plain.flag, plain.header, plain.bare), (Flag::Unable, "n,,", "n=user,r=fyko"));
    assert_eq!((plain.user.as_str(), plain.nonce, plain.authorization), ("user", "fyko", None));
    let rich = read("p=tls-exporter,a=b=2Cb,n=a=3Da,r=!~,x=1,y=2=3");
    assert_eq!(rich.flag, Flag::Bound("tls-exporter"));
    assert_eq!(rich.header, "p=tls-exporter,a=b=2Cb,");
    assert_eq!((rich.user.as_str(), rich.authorization.as_deref()), ("a=a", Some("b,b")));
    assert_eq!(read("y,,n=u,r=1").flag, Flag::ThinksServerUnable);
}

#[test]
fn other_client_firsts_are_refused() {
    let long = format!("n,,n=u,r={}", "1".repeat(limits::PEER_NONCE_OCTETS_MOST + 1));
    let rows: [&[u8]; 22] = [
        b"",
        b"n",
        b"n,",
        b"n,,",
        b",,n=u,r=1",
        b"N,,n=u,r=1",
        b"p,,n=u,r=1",
        b"p=,,n=u,r=1",
        b"p=a b,,n=u,r=1",
        b"n,b,n=u,r=1",
        b"n,a=,n=u,r=1",
        b"n,,n=,r=1",
        b"n,,r=1,n=u",
        b"n,,m=x,n=u,r=1",
        b"n,,n=u",
        b"n,,n=u,r=",
        b"n,,n=u,r=\x7f",
        b"n,,n=u,r=1 2",
        b"n,,n=u=,r=1",
        b"n,,n=u=2D,r=1",
        b"n,,n=\xff,r=1",
        long.as_bytes(),
    ];
    for row in rows {
        assert_eq!(ClientFirst::read(row), None, "{}", String::from_utf8_lossy(row));
    }
    // Extensions must at least look like attributes; a mandatory one is not ours to ignore.
    for extension in ["", "x", "x=", "=1", "1=1", "m=1", "xy=1"] {
        let text = format!("n,,n=u,r=1,{extension}");
        assert_eq!(ClientFirst::read(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn server_first_is_taken_apart() {
    let text = ServerFirst::write("ab", b"salt", 4_096);
    assert_eq!(text, "r=ab,s=c2FsdA==,i=4096");
    let read = ServerFirst::read(text.as_bytes()).unwrap();
    assert_eq!((read.nonce, read.salt.as_slice(), read.iterations), ("ab", b"salt".as_slice(), 4_096));
    assert_eq!(ServerFirst::read(b"r=ab,s=c2FsdA==,i=99999999999,x=1").unwrap().iterations, u32::MAX);
    let rows = [
        "",
        "r=ab",
        "r=ab,s=c2FsdA==",
        "r=ab,s=,i=4096",
        "r=ab,s=c2FsdA,i=4096",
        "r=ab,s=c2FsdA==,i=",
        "r=ab,s=c2FsdA==,i=+4096",
        "r=ab,s=c2FsdA==,i=-1",
        "r=ab,s=c2FsdA==,i=4096,",
        "m=x,r=ab,s=c2FsdA==,i=4096",
        "s=c2FsdA==,r=ab,i=4096",
        "e=unknown-user",
    ];
    for row in rows {
        assert_eq!(ServerFirst::read(row.as_bytes()), None, "{row}");
    }
}

#[test]
fn client_final_is_taken_apart() {
    let read = ClientFinal::read(b"c=biws,r=ab,x=y,p=cHJvb2Y=").unwrap();
    assert_eq!((read.binding.as_slice(), read.nonce), (b"n,,".as_slice(), "ab"));
    assert_eq!((read.without_proof, read.proof.as_slice()), ("c=biws,r=ab,x=y", b"proof".as_slice()));
    for row in [
        "",
        "c=biws,r=ab",
        "c=biws,p=cHJvb2Y=",
        "r=ab,c=biws,p=cHJvb2Y=",
        "c=biws,r=ab,p=cHJvb2Y=,x=1",
        "c=*,r=a,p=",
    ] {
        assert_eq!(ClientFinal::read(row.as_bytes()), None, "{row}");
    }
}

#[test]
fn server_final_is_taken_apart() {
    assert_eq!(ServerFinal::read(b"v=cHJvb2Y="), Some(ServerFinal::Verifier(b"proof".to_vec())));
    assert_eq!(ServerFinal::read(b"v=cHJvb2Y=,x=1"), Some(ServerFinal::Verifier(b"proof".to_vec())));
    assert_eq!(ServerFinal::read(b"e=invalid-proof"), Some(ServerFinal::Error));
    for row in ["", "v", "v=*", "x=1,v=cHJvb2Y=", "v=cHJvb2Y=,"] {
        assert_eq!(ServerFinal::read(row.as_bytes()), None, "{row}");
    }
}

#[test]
fn escaped_names_lead_back() {
    for name in ["a", "=", ",", "a=b,c", "=2C", "\u{e9},=\u{1f511}"] {
        let escaped = escape(name);
        assert!(!escaped.contains(','), "{escaped}");
        assert_eq!(unescape(&escaped).as_deref(), Some(name));
    }
    for bad in ["", "=", "=2", "=20", "a=\u{e9}", "==3D"] {
        assert_eq!(unescape(bad), None, "{bad}");
    }
}
