use super::stuffed;

#[test]
fn dots_are_stuffed_at_the_start_of_lines_only() {
    let rows: [(&str, &[u8], &[u8]); 7] = [
        ("a plain line", b"a\r\n", b"a\r\n.\r\n"),
        ("a dot at the start", b".a\r\n", b"..a\r\n.\r\n"),
        ("a dot alone", b".\r\n", b"..\r\n.\r\n"),
        ("a dot inside", b"a.b\r\n", b"a.b\r\n.\r\n"),
        ("a dot after a bare LF", b"a\n.b\r\n", b"a\n.b\r\n.\r\n"),
        ("no last line end", b"a", b"a\r\n.\r\n"),
        ("nothing at all", b"", b".\r\n"),
    ];
    for (name, content, wanted) in rows {
        assert_eq!(stuffed(content), wanted, "{name}");
    }
}
