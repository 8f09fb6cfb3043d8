//! Made-up guest lists, for the demo and for tests. The same `n` and `seed` give the same list, everywhere and always.
//!
//! Names come from lists of common ones and include what broke other software: umlauts, apostrophes, slashes, hyphens
//! and letters from beyond Latin-1. Telephone numbers lie in the ranges that the Bundesnetzagentur keeps for
//! films, e-mail addresses under `example` domains: none belongs to anybody.

use serde_json::{Map, Value, json};

/// A guest list of `n` people for one evening. More than [`MAX_GUESTS`](crate::MAX_GUESTS) can be made, but not parsed.
pub fn guest_list(n: u32, seed: u64) -> Value {
    let mut dice = Dice(seed);
    json!({
        "startDate": format!("{DAY}T17:00:00Z"),
        "endDate": format!("{DAY}T23:00:00Z"),
        "additionalInformation": format!("Gästeliste, {n} Personen"),
        "dataProvider": { "name": dice.pick(&PLACES), "address": address(&mut dice) },
        "guests": (0..n).map(|index| guest(index, &mut dice)).collect::<Vec<_>>(),
    })
}

/// The same as UTF-8 JSON, as a vendor would send it.
pub fn guest_list_json(n: u32, seed: u64) -> Vec<u8> {
    let mut json = format!("{:#}", guest_list(n, seed));
    json.push('\n');
    json.into_bytes()
}

/// Nobody stands twice on a list of up to 26,880 people: the dates of birth differ, and who has none has an address
/// of their own.
fn guest(index: u32, dice: &mut Dice) -> Value {
    let (first_name, last_name) = (dice.pick(&FIRST_NAMES), dice.pick(&LAST_NAMES));
    let date_of_birth = dice.often().then(|| birth(index));
    let has_email = date_of_birth.is_none() || dice.often();
    let email = format!("{}{index}@example.{}", dice.pick(&MAILBOXES), dice.pick(&["de", "org", "net"]));
    let sex = dice.pick(&["FEMALE", "MALE", "OTHER", "UNKNOWN"]);
    let mut guest = Map::new();
    let mut say = |name: &str, value: Value| guest.insert(name.to_owned(), value);
    say("firstName", json!(first_name));
    say("lastName", json!(last_name));
    if let Some(date_of_birth) = date_of_birth {
        say("dateOfBirth", json!(date_of_birth));
    }
    say("sex", json!(sex));
    if has_email {
        say("email", json!(email));
    }
    if dice.often() {
        say("phone", json!(landline(dice)));
    }
    say("mobilePhone", json!(mobile(dice)));
    say("address", address(dice));
    say("identityChecked", json!(dice.below(2) == 0));
    say("attendanceInformation", attendance(dice));
    Value::Object(guest)
}

fn birth(index: u32) -> String {
    // 80 years of 12 months of 28 days; the factor has no divisor in common with that, so every day comes once.
    let day = (u64::from(index) * 7_919 + 1_234) % (80 * 12 * 28);
    format!("{:04}-{:02}-{:02}", 1935 + day / (12 * 28), 1 + day / 28 % 12, 1 + day % 28)
}

fn landline(dice: &mut Dice) -> String {
    let (area, number) =
        dice.pick(&[("30", "23125"), ("40", "66969"), ("69", "90009"), ("221", "4710"), ("89", "99998")]);
    let last = dice.below(1_000);
    match dice.below(4) {
        0 => format!("0{area} {number}{last:03}"),
        1 => format!("(0{area}) {number}-{last:03}"),
        2 => format!("0{area}/{number}{last:03}"),
        _ => format!("+49 (0){area} {number}{last:03}"),
    }
}

fn mobile(dice: &mut Dice) -> String {
    let (network, number) = dice.pick(&[("171", "39200"), ("176", "040690")]);
    let last = dice.below(100);
    if dice.below(2) == 0 {
        format!("0{network} {number}{last:02}")
    } else {
        format!("+49 {network} {number}{last:02}")
    }
}

fn address(dice: &mut Dice) -> Value {
    let number = 1 + dice.below(120);
    let house_number = match dice.below(4) {
        0 => format!("{number}/{}", 1 + dice.below(9)),
        1 => format!("{number}{}", dice.pick(&["a", "b", " c"])),
        _ => number.to_string(),
    };
    let street = dice.pick(&STREETS);
    let zip_code = format!("{:05}", 1_067 + dice.below(98_000));
    json!({ "street": street, "houseNumber": house_number, "zipCode": zip_code, "city": dice.pick(&CITIES) })
}

fn attendance(dice: &mut Dice) -> Value {
    let from = dice.below(240);
    let to = from + 15 + dice.below(360 - 15 - from);
    let moment = |minutes: u32| format!("{DAY}T{:02}:{:02}:00Z", 17 + minutes / 60, minutes % 60);
    let participation = dice.pick(&["Gast", "Gast/Begleitung", "Personal", "Lieferung"]);
    json!({
        "attendFrom": moment(from),
        "attendTo": moment(to),
        "descriptionOfParticipation": participation,
        "additionalInformation": format!("Tisch {}", 1 + dice.below(40)),
    })
}

/// SplitMix64 (Steele, Lea and Flood, 2014): a few lines that will give the same numbers in ten years. Not for secrets.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 0 to `n` - 1; the slight bias of the remainder does not matter here.
    fn below(&mut self, n: u32) -> u32 {
        (self.next() % u64::from(n)) as u32
    }

    /// Four times out of five.
    fn often(&mut self) -> bool {
        self.below(5) > 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u32) as usize].clone()
    }
}

const DAY: &str = "2026-11-20";

const PLACES: [&str; 8] = [
    "Gasthaus zum Löwen",
    "Stadthalle Überlingen",
    "Café O’Reilly",
    "Chor St. Johannes/Süd e. V.",
    "Kegelbahn Größmann & Söhne",
    "Wirtshaus »Zum Weißen Rössl«",
    "Bürgerhaus Köln-Mülheim",
    "Theater am Fluß",
];

const FIRST_NAMES: [&str; 48] = [
    "Anna-Lena",
    "Jürgen",
    "Zoë",
    "Björn",
    "Käthe",
    "Jörg",
    "Änne",
    "François",
    "Søren",
    "Łukasz",
    "Ayşe",
    "Günter",
    "Marie-Theres",
    "Özlem",
    "Hans Peter",
    "Bärbel",
    "Renée",
    "Götz",
    "Chloé",
    "Şenol",
    "Michael",
    "Sabine",
    "Thomas",
    "Petra",
    "Andreas",
    "Monika",
    "Stefan",
    "Claudia",
    "Frank",
    "Birgit",
    "Lukas",
    "Leonie",
    "Elias",
    "Emilia",
    "Noah",
    "Hannah",
    "Paul",
    "Mia",
    "Ben",
    "Lina",
    "Friedrich",
    "Wilhelmine",
    "Đorđe",
    "Jiří",
    "Małgorzata",
    "D’Arcy",
    "Aïcha",
    "João",
];

const LAST_NAMES: [&str; 48] = [
    "Müller",
    "Weiß",
    "O'Brien",
    "D'Angelo",
    "Größmann",
    "von der Höhe",
    "Meyer-Lübke",
    "Yıldız",
    "Nguyễn",
    "Łukaszewicz",
    "Schröder",
    "Krüger",
    "Böhm",
    "Jäger",
    "Kühn",
    "Groß",
    "Strauß",
    "Hübner",
    "Löffler",
    "Schäfer",
    "van 't Hoff",
    "Schulze zur Wiesche",
    "Şahin",
    "Özdemir",
    "Müller/Schmidt",
    "Fußeder",
    "Brüggemann-Voß",
    "Œhler",
    "Åkerström",
    "Dvořák",
    "Schmidt",
    "Schneider",
    "Fischer",
    "Weber",
    "Wagner",
    "Becker",
    "Hoffmann",
    "Koch",
    "Richter",
    "Klein",
    "Wolf",
    "Neumann",
    "Schwarz",
    "Zimmermann",
    "Braun",
    "Hartmann",
    "Lange",
    "N’Diaye",
];

const MAILBOXES: [&str; 8] = ["post", "kontakt", "mail", "ich.bin", "familie", "hallo+liste", "info", "privat_"];

const STREETS: [&str; 12] = [
    "Hauptstraße",
    "Bahnhofstr.",
    "Goethe-/Ecke Schillerstraße",
    "Am Mühlbach",
    "Straße des 17. Juni",
    "Königsallee",
    "An der Alten Spinnerei",
    "Platz der Grundrechte",
    "Große Bleichen",
    "Weg beim Jäger",
    "Q 7",
    "Fährhausstieg",
];

const CITIES: [&str; 12] = [
    "Köln",
    "München",
    "Düsseldorf",
    "Überlingen",
    "Königs Wusterhausen",
    "Frankfurt (Oder)",
    "Halle/Saale",
    "Mühlhausen/Thür.",
    "Bad Langensalza",
    "Görlitz",
    "Weißenfels",
    "Eckernförde",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GUEST_LIST, Limits, MAX_GUESTS, parse};

    #[test]
    fn a_generated_list_is_the_same_today_and_tomorrow() {
        assert_eq!(
            String::from_utf8(guest_list_json(5, 1)).unwrap(),
            crate::example(GUEST_LIST).unwrap(),
            "the generator changed: its lists are pinned, add a new generator instead"
        );
        assert_ne!(guest_list_json(5, 1), guest_list_json(5, 2));
    }

    #[test]
    fn generated_lists_parse_with_their_number_of_guests_and_no_flags() {
        for (n, seed) in [(0, 1), (1, 2), (30, 3), (1_000, 4), (MAX_GUESTS, 5), (MAX_GUESTS, 9)] {
            let parsed = parse(GUEST_LIST, &guest_list_json(n, seed), &Limits::default()).unwrap();
            assert_eq!(parsed.summary().people, n);
            assert_eq!(parsed.flags.total(), 0, "{:?}", parsed.flags.groups.first());
        }
    }
}
