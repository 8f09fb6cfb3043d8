//! The contacts and events of one case: whom an infected person met, and where.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits::{MAX_CONTACTS, MAX_EVENTS, limited};
use crate::person::codes;
use crate::{Address, Extra, Moment, PersonRef, Sex};

/// The contacts and events of one case. Both lists are required, even if empty.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactsAndEvents {
    /// The people met.
    pub contacts: Contacts,
    /// The occasions attended.
    pub events: Events,
    /// Whose contacts these are, by their own account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_provider: Option<CaseProvider>,
    /// Fields that the format does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The people met in a time.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contacts {
    /// Begin of the time that the list covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<Moment>,
    /// End of the time that the list covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_date: Option<Moment>,
    /// The people, at most [`MAX_CONTACTS`].
    #[serde(deserialize_with = "limited::<_, _, MAX_CONTACTS>")]
    pub contact_persons: Vec<ContactPerson>,
    /// Fields that the format does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

/// The occasions attended in a time.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Events {
    /// Begin of the time that the list covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<Moment>,
    /// End of the time that the list covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_date: Option<Moment>,
    /// The occasions, at most [`MAX_EVENTS`].
    #[serde(deserialize_with = "limited::<_, _, MAX_EVENTS>")]
    pub events: Vec<Event>,
    /// Fields that the format does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A person met. The names are required.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactPerson {
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
    /// Where the person works.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work_place: Option<WorkPlace>,
    /// When and how close.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_information: Option<ContactInformation>,
    /// Fields that the format does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Where a contact person works.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkPlace {
    /// Up to 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whom to ask there; up to 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub point_of_contact: Option<String>,
    /// Up to 100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// Fields that the format does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

/// When and how close the contact was.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactInformation {
    /// First day of contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_contact_date: Option<Moment>,
    /// Last day of contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_contact_date: Option<Moment>,
    /// How risky.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact_category: Option<ContactCategory>,
    /// Circumstances; up to 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_conditions: Option<String>,
    /// Fields that the format does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

codes! {
    /// How risky a contact was, in the categories of the Robert Koch Institute that the format took over.
    ContactCategory {
        /// `HIGH_RISK`
        HighRisk = "HIGH_RISK",
        /// `HIGH_RISK_MED`: medical staff.
        HighRiskMed = "HIGH_RISK_MED",
        /// `MEDIUM_RISK_MED`: medical staff.
        MediumRiskMed = "MEDIUM_RISK_MED",
        /// `LOW_RISK`
        LowRisk = "LOW_RISK",
        /// `NO_RISK`
        NoRisk = "NO_RISK",
    }
}

/// An occasion where the person was.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Up to 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Up to 100 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// Up to 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_information: Option<String>,
    /// Fields that the format does not define.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Whose contacts these are, by their own account.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseProvider {
    /// Up to 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Up to 256 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// Fields that the format does not define (some senders add a date of birth here).
    #[serde(flatten)]
    pub extra: Extra,
}

impl ContactPerson {
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

/// Prints the numbers, never who they are.
impl fmt::Debug for ContactsAndEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (contacts, events) = (self.contacts.contact_persons.len(), self.events.events.len());
        write!(f, "ContactsAndEvents({contacts} contacts, {events} events)")
    }
}
