//! The guest list: who was at a place, from when to when.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::{MAX_GUESTS, limited};
use crate::{Address, Extra, Moment, PersonRef, Sex};

/// A guest list. Only `guests` is required; an explicit `null` in an optional field reads as absent.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuestList {
    /// Begin of the time that the list covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<Moment>,
    /// End of the time that the list covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_date: Option<Moment>,
    /// Free text, up to 500 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_information: Option<String>,
    /// Who keeps the list, by their own account: no proof of anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_provider: Option<DataProvider>,
    /// The people, at most [`MAX_GUESTS`].
    #[serde(deserialize_with = "limited::<_, _, MAX_GUESTS>")]
    pub guests: Vec<Guest>,
    /// Fields that the format does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The place that kept the list, by its own account.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataProvider {
    /// Up to 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// Fields that the format does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A person on a guest list. The names and `attendanceInformation` are required.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Guest {
    /// Up to 100 characters.
    pub first_name: String,
    /// Up to 100 characters.
    pub last_name: String,
    /// A date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_of_birth: Option<Moment>,
    /// As far as known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sex: Option<Sex>,
    /// Up to 100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Up to 100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Up to 100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile_phone: Option<String>,
    /// Where the person lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// Whether somebody compared the name with a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_checked: Option<bool>,
    /// When and how the person took part.
    pub attendance_information: Attendance,
    /// Fields that the format does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

/// When and how a guest took part. `attendFrom` is required; who did not check out has no `attendTo`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attendance {
    /// Arrival.
    pub attend_from: Moment,
    /// Departure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attend_to: Option<Moment>,
    /// For instance guest or staff; up to 500 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description_of_participation: Option<String>,
    /// For instance the table; up to 500 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_information: Option<String>,
    /// Fields that the format does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Guest {
    /// The fields that every person has.
    pub fn person(&self) -> PersonRef<'_> {
        PersonRef {
            first_name: &self.first_name,
            last_name: &self.last_name,
            date_of_birth: self.date_of_birth.as_ref(),
            sex: self.sex.as_ref(),
            email: self.email.as_deref(),
            phone: self.phone.as_deref(),
            mobile_phone: self.mobile_phone.as_deref(),
            address: self.address.as_ref(),
        }
    }
}

/// Prints the number of guests, never who they are.
impl fmt::Debug for GuestList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GuestList({} guests)", self.guests.len())
    }
}
