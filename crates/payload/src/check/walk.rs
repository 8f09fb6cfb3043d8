//! The structures and the maximum lengths of their fields (characters, from the interchange format).

use super::Checker;
use super::duplicates::Seen;
use super::period::Coverage;
use super::text::Text;
use crate::flags::FlagCode;
use crate::path::Segment;
use crate::{
    Address, Attendance, CaseProvider, ContactCategory, ContactInformation, ContactPerson, Contacts, ContactsAndEvents,
    DataProvider, Event, Events, Guest, GuestList, PersonRef, Sex, WorkPlace,
};

impl Checker<'_> {
    pub(super) fn guest_list(&mut self, list: &GuestList) {
        let coverage = self.coverage(list.start_date.as_ref(), list.end_date.as_ref());
        self.text("additionalInformation", list.additional_information.as_deref(), Text::Free, 500);
        if let Some(provider) = &list.data_provider {
            self.field("dataProvider", |this| this.data_provider(provider));
        }
        self.field("guests", |this| {
            let mut seen = Seen::default();
            for (index, guest) in list.guests.iter().enumerate() {
                this.within(Segment::Index(index), |this| this.guest(guest, coverage, &mut seen));
            }
        });
        self.extra(&list.extra);
    }

    pub(super) fn contacts_and_events(&mut self, case: &ContactsAndEvents) {
        self.field("contacts", |this| this.contacts(&case.contacts));
        self.field("events", |this| this.events(&case.events));
        if let Some(provider) = &case.data_provider {
            self.field("dataProvider", |this| this.case_provider(provider));
        }
        self.extra(&case.extra);
    }

    fn data_provider(&mut self, provider: &DataProvider) {
        self.text("name", provider.name.as_deref(), Text::Line, 256);
        self.address(provider.address.as_ref());
        self.extra(&provider.extra);
    }

    fn case_provider(&mut self, provider: &CaseProvider) {
        self.text("firstName", provider.first_name.as_deref(), Text::Line, 256);
        self.text("lastName", provider.last_name.as_deref(), Text::Line, 256);
        self.extra(&provider.extra);
    }

    fn guest(&mut self, guest: &Guest, list: Coverage, seen: &mut Seen) {
        self.duplicate(seen, guest.person());
        self.person(guest.person());
        self.field("attendanceInformation", |this| this.attendance(&guest.attendance_information, list));
        self.extra(&guest.extra);
    }

    fn attendance(&mut self, attendance: &Attendance, list: Coverage) {
        let Attendance { attend_from, attend_to, description_of_participation, additional_information, extra } =
            attendance;
        self.period(("attendFrom", Some(attend_from)), ("attendTo", attend_to.as_ref()), list);
        self.text("descriptionOfParticipation", description_of_participation.as_deref(), Text::Free, 500);
        self.text("additionalInformation", additional_information.as_deref(), Text::Free, 500);
        self.extra(extra);
    }

    fn contacts(&mut self, contacts: &Contacts) {
        let coverage = self.coverage(contacts.start_date.as_ref(), contacts.end_date.as_ref());
        self.field("contactPersons", |this| {
            let mut seen = Seen::default();
            for (index, contact) in contacts.contact_persons.iter().enumerate() {
                this.within(Segment::Index(index), |this| this.contact(contact, coverage, &mut seen));
            }
        });
        self.extra(&contacts.extra);
    }

    fn contact(&mut self, contact: &ContactPerson, list: Coverage, seen: &mut Seen) {
        self.duplicate(seen, contact.person());
        self.person(contact.person());
        if let Some(work_place) = &contact.work_place {
            self.field("workPlace", |this| this.work_place(work_place));
        }
        if let Some(information) = &contact.contact_information {
            self.field("contactInformation", |this| this.contact_information(information, list));
        }
        self.extra(&contact.extra);
    }

    fn work_place(&mut self, work_place: &WorkPlace) {
        self.text("name", work_place.name.as_deref(), Text::Line, 256);
        self.text("pointOfContact", work_place.point_of_contact.as_deref(), Text::Line, 256);
        self.phone("phone", work_place.phone.as_deref(), 100);
        self.address(work_place.address.as_ref());
        self.extra(&work_place.extra);
    }

    fn contact_information(&mut self, information: &ContactInformation, list: Coverage) {
        let ContactInformation { first_contact_date, last_contact_date, contact_category, basic_conditions, extra } =
            information;
        let first = ("firstContactDate", first_contact_date.as_ref());
        self.period(first, ("lastContactDate", last_contact_date.as_ref()), list);
        if let Some(ContactCategory::Other(text)) = contact_category {
            self.unknown_code("contactCategory", text);
        }
        self.text("basicConditions", basic_conditions.as_deref(), Text::Free, 256);
        self.extra(extra);
    }

    fn events(&mut self, events: &Events) {
        self.coverage(events.start_date.as_ref(), events.end_date.as_ref());
        self.field("events", |this| {
            for (index, event) in events.events.iter().enumerate() {
                this.within(Segment::Index(index), |this| this.event(event));
            }
        });
        self.extra(&events.extra);
    }

    fn event(&mut self, event: &Event) {
        self.text("name", event.name.as_deref(), Text::Line, 256);
        self.phone("phone", event.phone.as_deref(), 100);
        self.address(event.address.as_ref());
        self.text("additionalInformation", event.additional_information.as_deref(), Text::Free, 256);
        self.extra(&event.extra);
    }

    fn person(&mut self, person: PersonRef<'_>) {
        self.required_line("firstName", person.first_name, 100);
        self.required_line("lastName", person.last_name, 100);
        self.birth("dateOfBirth", person.date_of_birth);
        if let Some(Sex::Other(text)) = person.sex {
            self.unknown_code("sex", text);
        }
        self.email("email", person.email, 100);
        self.phone("phone", person.phone, 100);
        self.phone("mobilePhone", person.mobile_phone, 100);
        self.address(person.address);
    }

    fn address(&mut self, address: Option<&Address>) {
        let Some(address) = address else { return };
        self.field("address", |this| {
            this.text("street", address.street.as_deref(), Text::Line, 256);
            this.text("houseNumber", address.house_number.as_deref(), Text::Line, 256);
            this.text("zipCode", address.zip_code.as_deref(), Text::Line, 10);
            this.text("city", address.city.as_deref(), Text::Line, 256);
            this.extra(&address.extra);
        });
    }

    fn unknown_code(&mut self, name: &'static str, text: &str) {
        self.field(name, |this| {
            this.flag(FlagCode::UnknownValue);
            this.characters(text, Text::Line);
        });
    }
}
