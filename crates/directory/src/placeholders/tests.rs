use super::*;

const KNOWN: [Placeholder; 3] = [Placeholder::User, Placeholder::Local, Placeholder::Domain];

fn shown(template: Result<Template, TemplateError>) -> Result<String, String> {
    template.map(|it| it.fill(|found| format!("<{}>", found.name()))).map_err(|cause| cause.to_string())
}

#[test]
fn names_in_braces_are_values() {
    let rows = [
        ("SELECT 1", Ok("SELECT 1")),
        ("a = {user} AND b={local}||{domain}", Ok("a = <user> AND b=<local>||<domain>")),
        ("'{{1,2}}'::int[]", Ok("'{1,2}'::int[]")),
        ("it''s = {user}", Ok("it''s = <user>")),
        ("'it''s' = {user}", Ok("'it''s' = <user>")),
        ("a = '{user}'", Err("{user} stands in quotes, where it would be text")),
        ("a = {usr}", Err("{usr} means nothing here")),
        ("a = {mailbox}", Err("{mailbox} means nothing here")),
        ("a = {}", Err("{} means nothing here")),
        ("a = {user", Err("a brace stands alone; a real one is written twice")),
        ("a = user}", Err("a brace stands alone; a real one is written twice")),
    ];
    for (text, want) in rows {
        let want = want.map(str::to_owned).map_err(str::to_owned);
        assert_eq!(shown(Template::sql(text, &KNOWN)), want, "{text}");
    }
    let long = " ".repeat(SOURCE_QUERY_OCTETS_MOST + 1);
    assert_eq!(Template::sql(&long, &KNOWN), Err(TemplateError::TooLong));
}

#[test]
fn filters_are_filters() {
    for text in ["(mail={user})", "(&(objectClass=person)(|(mail={user})(uid={local})))", "(cn=it's {user})"]
    {
        assert!(Template::filter(text, &KNOWN).is_ok(), "{text}");
    }
    for text in ["mail={user})", "(mail={user}", "(&(a={user})", "", "(={user})"] {
        assert_eq!(Template::filter(text, &KNOWN), Err(TemplateError::Filter), "{text}");
    }
}

#[test]
fn values_are_cut_at_the_last_at_sign() {
    let rows = [
        ("ada@example.org", "ada", "example.org"),
        ("a@b@example.org", "a@b", "example.org"),
        ("ada", "ada", ""),
    ];
    for (name, local, domain) in rows {
        let values = Values::of_user(name);
        assert_eq!(values.get(Placeholder::User), name);
        assert_eq!((values.get(Placeholder::Local), values.get(Placeholder::Domain)), (local, domain));
    }
    let values = Values::of_mailbox("ada@a.example", "bob@b.example");
    assert_eq!(values.get(Placeholder::Account), "ada@a.example");
    assert_eq!(
        (values.get(Placeholder::Mailbox), values.get(Placeholder::Domain)),
        ("bob@b.example", "b.example")
    );
}
