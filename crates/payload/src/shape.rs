//! What a format says of its objects, as tables. Reading, checks, columns and JSON Schema all come from them, so none of
//! them can know a field that the others do not.

/// An object of a format.
pub(crate) struct Record {
    /// What it is, for people.
    pub(crate) about: &'static str,
    /// Its fields, in the order in which columns show them.
    pub(crate) fields: &'static [Field],
}

/// A field of an object.
pub(crate) struct Field {
    /// The name that the format gives it.
    pub(crate) name: &'static str,
    /// What is in it, for people.
    pub(crate) about: &'static str,
    /// What is expected in it.
    pub(crate) shape: Shape,
    /// Whether it must be there. If it is not, that is flagged.
    pub(crate) required: bool,
    /// Other names under which senders are known to write it.
    pub(crate) also: &'static [&'static str],
}

/// What is expected in a field.
pub(crate) enum Shape {
    /// Text of at most so many characters.
    Text(Text, u32),
    /// A day, or a point in time.
    Moment,
    /// The day on which a person was born.
    Birth,
    /// Yes or no.
    Bool,
    /// One of these codes.
    Code(&'static [&'static str]),
    /// An object.
    Record(&'static Record),
    /// A list of objects. Only the payload's head has lists, not their elements.
    List(&'static List),
    /// An array of anything.
    Any,
}

/// The kinds of text, by what is normal in them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// One line.
    Line,
    /// Line breaks and tabs are normal.
    Free,
    /// A person's name: one line, and letters.
    Name,
    /// A telephone number: a leading `+` is normal.
    Phone,
    /// An e-mail address.
    Email,
    /// A postal code.
    PostCode,
}

/// A list of objects of one form.
pub(crate) struct List {
    /// The form of an element.
    pub(crate) of: &'static Record,
    /// Most elements that the format allows.
    pub(crate) max: u32,
    /// Name of the table that is exported.
    pub(crate) table: &'static str,
}

impl Field {
    pub(crate) const fn new(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Field { name, about, shape, required: false, also: &[] }
    }

    pub(crate) const fn text(name: &'static str, kind: Text, max: u32, about: &'static str) -> Self {
        Field::new(name, Shape::Text(kind, max), about)
    }

    pub(crate) const fn required(self) -> Self {
        Field { required: true, ..self }
    }

    pub(crate) const fn also(self, names: &'static [&'static str]) -> Self {
        Field { also: names, ..self }
    }
}

impl Record {
    /// The field of exactly this name.
    pub(crate) fn field(&'static self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == key)
    }

    /// The field that a sender means who writes its name in another way: `mobilPhone`, `FirstName`, `zip_code`.
    pub(crate) fn meant(&'static self, key: &str) -> Option<&'static Field> {
        // Longer than any name of a field; the comparison is to stay cheap whatever comes.
        if key.len() > 40 {
            return None;
        }
        let is_same = |name: &str| letters(name).eq(letters(key));
        self.fields.iter().find(|field| is_same(field.name) || field.also.iter().any(|also| is_same(also)))
    }

    /// The paths of all fields that are no object and no list: `address.city`.
    pub(crate) fn columns(&self) -> Vec<String> {
        let mut columns = Vec::new();
        for field in self.fields {
            match &field.shape {
                Shape::Record(record) => {
                    columns.extend(record.columns().into_iter().map(|inner| format!("{}.{inner}", field.name)));
                }
                Shape::List(_) => {}
                _ => columns.push(field.name.to_owned()),
            }
        }
        columns
    }

    /// The lists in it, with their paths.
    pub(crate) fn lists(&self) -> Vec<(String, &'static List)> {
        let mut lists = Vec::new();
        for field in self.fields {
            match &field.shape {
                Shape::Record(record) => {
                    let inner = record.lists().into_iter();
                    lists.extend(inner.map(|(path, list)| (format!("{}.{path}", field.name), list)));
                }
                Shape::List(list) => lists.push((field.name.to_owned(), *list)),
                _ => {}
            }
        }
        lists
    }
}

/// A name without case, hyphens, underscores and spaces.
fn letters(name: &str) -> impl Iterator<Item = char> + '_ {
    name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).map(|c| c.to_ascii_lowercase())
}
