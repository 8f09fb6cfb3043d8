//! How values that are written as text pass through serde: `#[serde(with = "…")]` for types of other crates.

use std::fmt::Display;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serializer, de};

/// A text that is not a value of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not hexadecimal digits, or too few or many.
    #[error("expected {expected} hexadecimal digits")]
    Hex {
        /// How many.
        expected: usize,
    },
    /// Neither of the two lengths of a KEM key.
    #[error("a KEM key has 64 hexadecimal digits (X25519) or 2432 (X-Wing)")]
    KemKey,
    /// No time.
    #[error("'{}' is not a time: write it like \"2027-01-31T12:00:00Z\"", .0.escape_debug())]
    Time(String),
}

/// A value with `FromStr` and `Display`.
pub(crate) mod one {
    use super::*;

    pub(crate) fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        // An owned text, because TOML and escaped JSON have none to lend.
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A list of them.
pub(crate) mod list {
    use super::*;

    pub(crate) fn serialize<T: Display, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(ToString::to_string))
    }

    pub(crate) fn deserialize<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse().map_err(de::Error::custom)).collect()
    }
}

/// Seconds since 1970 as RFC 3339.
pub(crate) mod time {
    use jiff::Timestamp;
    use schleuse_protocol::time::UnixSeconds;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(time: &UnixSeconds, serializer: S) -> Result<S::Ok, S::Error> {
        let text = format(*time).ok_or_else(|| serde::ser::Error::custom("a time is beyond the year 9999"))?;
        serializer.serialize_str(&text)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UnixSeconds, D::Error> {
        parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }

    /// None beyond the year 9999.
    pub(crate) fn format(time: UnixSeconds) -> Option<String> {
        let second = i64::try_from(time.0).ok()?;
        Some(Timestamp::from_second(second).ok()?.to_string())
    }

    fn parse(text: &str) -> Result<UnixSeconds, ValueError> {
        let second = text.parse::<Timestamp>().ok().and_then(|time| u64::try_from(time.as_second()).ok());
        second.map(UnixSeconds).ok_or_else(|| ValueError::Time(text.chars().take(64).collect()))
    }
}

/// The same, optional.
pub(crate) mod optional_time {
    use schleuse_protocol::time::UnixSeconds;
    use serde::Serialize;

    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Text(#[serde(with = "time")] UnixSeconds);

    pub(crate) fn serialize<S: Serializer>(time: &Option<UnixSeconds>, serializer: S) -> Result<S::Ok, S::Error> {
        time.map(Text).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UnixSeconds>, D::Error> {
        Ok(Option::<Text>::deserialize(deserializer)?.map(|text| text.0))
    }
}
