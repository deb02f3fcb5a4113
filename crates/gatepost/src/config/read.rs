//! From TOML to typed options, each with its place, every mistake noted.

use serde_spanned::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::fault::{Fault, Faults};
use super::nearest::nearest;
use super::reference::Shape;
use super::source::Place;

/// A value that was written in the file, or is the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it was written; `None` is the default.
    pub place: Option<Place>,
}

/// A list of values.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// The values.
    pub items: Vec<Setting<T>>,
    /// Where the list was written; `None` is the default.
    pub place: Option<Place>,
}

/// Sections that have a name each, in the order written.
#[derive(Debug, Clone)]
pub struct Named<K, T> {
    /// Name and section.
    pub entries: Vec<(Setting<K>, T)>,
}

/// What a single value may be written as.
pub enum Raw<'a> {
    /// A string.
    Text(&'a str),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Truth(bool),
    /// Anything else.
    Other,
}

/// Why a value is none, and the mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong with it.
    pub what: String,
    /// What to write instead.
    pub mend: String,
}

impl Wrong {
    /// A value that is wrong.
    #[must_use]
    pub fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { what: what.into(), mend: mend.into() }
    }
}

/// A type that a single value of the file becomes.
pub trait Value: Sized {
    /// What may be written, for messages and the reference.
    const SHAPE: &'static str;

    /// Reads it.
    ///
    /// # Errors
    ///
    /// What is wrong, and the mend.
    fn from_raw(raw: &Raw<'_>) -> Result<Self, Wrong>;
}

/// A type that is written as a string.
pub trait TextValue: Sized {
    /// What may be written.
    const FORM: &'static str;
    /// How the reference writes it as the name of a section.
    const PLACEHOLDER: &'static str = "NAME";

    /// Reads it.
    ///
    /// # Errors
    ///
    /// What is wrong, and the mend.
    fn from_text(text: &str) -> Result<Self, Wrong>;
}

impl<T: TextValue> Value for T {
    const SHAPE: &'static str = T::FORM;

    fn from_raw(raw: &Raw<'_>) -> Result<Self, Wrong> {
        match raw {
            Raw::Text(text) => T::from_text(text),
            Raw::Number(_) | Raw::Truth(_) | Raw::Other => {
                Err(Wrong::new("this is not a string", format!("write {}, in double quotes", T::FORM)))
            }
        }
    }
}

/// Where the reader is: the key's path, and whether the file or a default is being read.
#[derive(Debug, Clone)]
pub struct At {
    path: String,
    origin: Origin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    File,
    Default,
}

impl At {
    /// The top of the file.
    #[must_use]
    pub const fn top() -> Self {
        Self { path: String::new(), origin: Origin::File }
    }

    fn below(&self, key: &str) -> Self {
        let plain = key.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter));
        let key = if plain { key.to_owned() } else { format!("\"{key}\"") };
        let path = if self.path.is_empty() { key } else { format!("{}.{key}", self.path) };
        Self { path, origin: self.origin }
    }

    fn by_default(&self) -> Self {
        Self { origin: Origin::Default, ..self.clone() }
    }

    fn place(&self, place: Place) -> Option<Place> {
        (self.origin == Origin::File).then_some(place)
    }

    /// How the section is named in messages.
    fn section(&self) -> String {
        if self.path.is_empty() { "at the top of the file".to_owned() } else { format!("of [{}]", self.path) }
    }
}

/// One node of the file.
pub type Node<'a> = Spanned<DeValue<'a>>;

/// Something that a node of the file becomes.
pub trait Read: Sized {
    /// Reads a node. `None` when it could not be read; the reason is noted.
    fn read(at: &At, node: &Node<'_>, faults: &mut Faults) -> Option<Self>;

    /// What it is when nothing is written and there is no default: nothing, unless it is optional.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }

    /// What may be written, for the reference.
    fn shape() -> Shape;
}

impl<T: Read> Read for Option<T> {
    fn read(at: &At, node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
        T::read(at, node, faults).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn shape() -> Shape {
        T::shape()
    }
}

impl<T: Value> Read for Setting<T> {
    fn read(at: &At, node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
        match T::from_raw(&raw(node.get_ref())) {
            Ok(value) => Some(Self { value, place: at.place(node.span()) }),
            Err(wrong) => {
                let what = format!("`{}` cannot be understood", at.path);
                faults.push(Fault::error(what).at(at.place(node.span()), wrong.what).mend(wrong.mend));
                None
            }
        }
    }

    fn shape() -> Shape {
        Shape::Value(T::SHAPE)
    }
}

impl<T: Value> Read for Listed<T> {
    fn read(at: &At, node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
        let DeValue::Array(array) = node.get_ref() else {
            let what = format!("`{}` is a list", at.path);
            let mend = format!("write it in brackets: [{}]", T::SHAPE);
            faults.push(Fault::error(what).at(at.place(node.span()), "this is not a list").mend(mend));
            return None;
        };
        let items: Vec<_> = array.iter().map(|item| Setting::read(at, item, faults)).collect();
        // Half a list would lead to more faults that nobody made.
        let items = items.into_iter().collect::<Option<Vec<_>>>()?;
        Some(Self { items, place: at.place(node.span()) })
    }

    fn shape() -> Shape {
        Shape::List(T::SHAPE)
    }
}

impl<K: TextValue, T: Read> Read for Named<K, T> {
    fn read(at: &At, node: &Node<'_>, faults: &mut Faults) -> Option<Self> {
        let table = table(at, node, faults)?;
        let mut entries = Vec::new();
        for (key, node) in in_order(table) {
            let below = at.below(key.get_ref());
            let section = T::read(&below, node, faults);
            match K::from_text(key.get_ref()) {
                Ok(value) => {
                    entries.extend(section.map(|it| (Setting { value, place: at.place(key.span()) }, it)));
                }
                Err(wrong) => {
                    let what = format!("[{}] has a name that cannot be understood", below.path);
                    faults.push(Fault::error(what).at(at.place(key.span()), wrong.what).mend(wrong.mend));
                }
            }
        }
        Some(Self { entries })
    }

    fn shape() -> Shape {
        Shape::Named(K::PLACEHOLDER, Box::new(T::shape()))
    }
}

/// One key of a section, as it was declared.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The field's name; the key's has hyphens.
    pub field: &'static str,
    /// What it does.
    pub about: &'static str,
    /// Its default, as TOML.
    pub default: Option<&'static str>,
    /// An example, as TOML.
    pub example: &'static str,
    /// What may be written.
    pub shape: fn() -> Shape,
}

impl Key {
    /// The name in the file.
    #[must_use]
    pub fn name(&self) -> String {
        self.field.replace('_', "-")
    }
}

/// A key that later versions will know.
#[derive(Debug, Clone, Copy)]
pub struct Later {
    /// Its name.
    pub key: &'static str,
    /// What it will do.
    pub about: &'static str,
}

/// A section of the file, as it was declared.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    /// What it is about.
    pub about: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
    /// Keys that are known but not built yet.
    pub later: &'static [Later],
}

/// A table that is being read as a section.
pub struct Section<'a, 'b> {
    at: &'a At,
    node: &'a Node<'b>,
    table: &'a DeTable<'b>,
    declared: Declared,
}

impl<'a, 'b> Section<'a, 'b> {
    /// Takes a node as a table and notes every key that does not belong there.
    pub fn open(at: &'a At, node: &'a Node<'b>, declared: Declared, faults: &mut Faults) -> Option<Self> {
        let table = table(at, node, faults)?;
        let section = Self { at, node, table, declared };
        for (key, _) in in_order(table) {
            if !declared.keys.iter().any(|known| known.name() == **key.get_ref()) {
                faults.push(section.stranger(key.get_ref(), at.place(key.span())));
            }
        }
        Some(section)
    }

    /// Where the section begins.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        self.at.place(self.node.span())
    }

    /// Reads a declared key, or its default where it is not written or wrong.
    pub fn field<T: Read>(&self, field: &str, faults: &mut Faults) -> Option<T> {
        let key = self.declared.keys.iter().find(|key| key.field == field)?;
        let name = key.name();
        let below = self.at.below(&name);
        if let Some(node) = self.table.get(name.as_str()) {
            return T::read(&below, node, faults).or_else(|| Self::default_of(key, &below, faults));
        }
        let absent = Self::default_of(key, &below, faults).or_else(T::absent);
        if absent.is_none() {
            let what = format!("[{}] needs `{name}`", self.at.path);
            let mend = format!("add `{name} = {}`", key.example);
            faults.push(Fault::error(what).at(self.place(), format!("without `{name}`")).mend(mend));
        }
        absent
    }

    fn default_of<T: Read>(key: &Key, at: &At, faults: &mut Faults) -> Option<T> {
        let node = DeValue::parse(key.default?).ok()?;
        T::read(&at.by_default(), &node, faults)
    }

    fn stranger(&self, key: &str, place: Option<Place>) -> Fault {
        if let Some(later) = self.declared.later.iter().find(|later| later.key == key) {
            let what = format!("`{}` is known but not built yet: {}", self.at.below(key).path, later.about);
            return Fault::error(what)
                .at(place, "this version cannot do it")
                .mend("remove it: gatepost does not ignore what it is told");
        }
        if key == "password" {
            return Fault::error("a password is never written here")
                .at(place, "anybody who reads this file would know it")
                .mend("write `password-file` with the path of a file, or `password-env`; and change the password");
        }
        let names: Vec<String> = self.declared.keys.iter().map(Key::name).collect();
        let mend = match nearest(key, names.iter().map(String::as_str)) {
            Some(name) => format!("write `{name}`"),
            None => format!("remove it, or use one of: {}", names.join(", ")),
        };
        Fault::error(format!("unknown key `{}`", self.at.below(key).path))
            .at(place, format!("not a key {}", self.at.section()))
            .mend(mend)
    }
}

/// Reads the key that says which of several kinds a section is of, before its other keys are looked at: those that belong
/// there depend on it.
pub fn kind<K: Value>(at: &At, node: &Node<'_>, key: Key, faults: &mut Faults) -> Option<K> {
    let table = table(at, node, faults)?;
    let name = key.name();
    if let Some(node) = table.get(name.as_str()) {
        return Setting::read(&at.below(&name), node, faults).map(|setting| setting.value);
    }
    let what = format!("[{}] needs `{name}`", at.path);
    let mend = format!("add `{name} = {}`", key.example);
    faults.push(Fault::error(what).at(at.place(node.span()), format!("without `{name}`")).mend(mend));
    None
}

fn table<'a, 'b>(at: &At, node: &'a Node<'b>, faults: &mut Faults) -> Option<&'a DeTable<'b>> {
    if let DeValue::Table(table) = node.get_ref() {
        return Some(table);
    }
    let what = format!("`{}` is a section", at.path);
    let mend = format!("write `[{}]` on a line of its own, and its keys below", at.path);
    faults.push(Fault::error(what).at(at.place(node.span()), "this is a single value").mend(mend));
    None
}

/// The entries of a table as they stand in the file.
fn in_order<'a, 'b>(table: &'a DeTable<'b>) -> Vec<(&'a Spanned<DeString<'b>>, &'a Node<'b>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

fn raw<'a>(value: &'a DeValue<'_>) -> Raw<'a> {
    match value {
        DeValue::String(text) => Raw::Text(text),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Raw::Other, Raw::Number)
        }
        DeValue::Boolean(truth) => Raw::Truth(*truth),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => Raw::Other,
    }
}

/// Declares a section: its keys, their docs, defaults and examples, once. The struct, its reader and its page
/// of the reference come from it. (Docs of fields cannot be had by a function, so this is a macro.)
macro_rules! section {
    (
        $(#[doc = $about:literal])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])* $field:ident : $kind:ty $(= $default:literal)? $(, $example:literal)? ; )*
        }
        $(later { $( $later:literal : $what:literal, )* })?
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone)]
        pub struct $name {
            $( $(#[doc = $doc])* pub $field: $kind, )*
            /// Where the section begins.
            pub place: Option<$crate::config::source::Place>,
        }

        impl $name {
            /// The section as it was declared.
            pub const DECLARED: $crate::config::read::Declared = $crate::config::read::Declared {
                about: concat!($($about, "\n"),*),
                keys: &[ $( $crate::config::read::Key {
                    field: stringify!($field),
                    about: concat!($($doc, "\n"),*),
                    default: section!(@option $($default)?),
                    example: section!(@example $($default)? $(, $example)?),
                    shape: <$kind as $crate::config::read::Read>::shape,
                }, )* ],
                later: &[ $($( $crate::config::read::Later { key: $later, about: $what }, )*)? ],
            };
        }

        impl $crate::config::read::Read for $name {
            fn read(
                at: &$crate::config::read::At,
                node: &$crate::config::read::Node<'_>,
                faults: &mut $crate::config::fault::Faults,
            ) -> Option<Self> {
                let section = $crate::config::read::Section::open(at, node, Self::DECLARED, faults)?;
                $( let $field: Option<$kind> = section.field(stringify!($field), faults); )*
                Some(Self { $( $field: $field?, )* place: section.place() })
            }

            fn shape() -> $crate::config::reference::Shape {
                $crate::config::reference::Shape::Section(Self::DECLARED)
            }
        }
    };
    (@option $value:literal) => { Some($value) };
    (@option) => { None };
    (@example $default:literal) => { $default };
    (@example $($default:literal)? , $example:literal) => { $example };
    (@example) => { "" };
}
pub(crate) use section;
