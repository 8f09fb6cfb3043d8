//! What guest lists and contact lists say about a person.

use serde::{Deserialize, Serialize};

use crate::{Extra, Moment};

/// A closed list of codes in the format; a code that is not in it is kept as text and flagged.
macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $code:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)+
            /// Any other text, as it came.
            Other(String),
        }

        impl $name {
            /// The code as the format writes it.
            pub fn as_str(&self) -> &str {
                match self {
                    $($name::$variant => $code,)+
                    $name::Other(text) => text,
                }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($code => $name::$variant,)+
                    _ => $name::Other(text),
                }
            }
        }

        impl From<$name> for String {
            fn from(code: $name) -> String {
                match code {
                    $name::Other(text) => text,
                    known => known.as_str().to_owned(),
                }
            }
        }
    };
}
pub(crate) use codes;

codes! {
    /// Sex, as far as the sender knows it.
    Sex {
        /// `MALE`
        Male = "MALE",
        /// `FEMALE`
        Female = "FEMALE",
        /// `OTHER`: neither of the two.
        Diverse = "OTHER",
        /// `UNKNOWN`
        Unknown = "UNKNOWN",
    }
}

/// A postal address; nothing in it is required.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// Street without the number, up to 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub street: Option<String>,
    /// Number with suffixes such as `12/3`, up to 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub house_number: Option<String>,
    /// Postal code, up to 10 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zip_code: Option<String>,
    /// City, up to 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// Fields that the format does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The fields that a guest and a contact person have in common.
#[derive(Clone, Copy)]
#[allow(missing_docs)] // the fields are those of `Guest` and `ContactPerson`
pub struct PersonRef<'a> {
    pub first_name: &'a str,
    pub last_name: &'a str,
    pub date_of_birth: Option<&'a Moment>,
    pub sex: Option<&'a Sex>,
    pub email: Option<&'a str>,
    pub phone: Option<&'a str>,
    pub mobile_phone: Option<&'a str>,
    pub address: Option<&'a Address>,
}
