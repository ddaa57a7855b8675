//! The arguments of a method: on the wire a map of their names, in Rust a tuple.
//!
//! What an argument is, is decided by traits and never by the spelling of its type: a type with
//! `Serialize` and `Deserialize` is one named field, [`Params`] is the whole map.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::Error as Plain;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor,
};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// The whole of a call's params, as one value: `order: Params<NewOrder>`.
///
/// ```
/// use aegis::Params;
///
/// let Params(total) = Params(7);
/// assert_eq!(total, 7);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Params<T>(pub T);

impl<T> std::ops::Deref for Params<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A value that can be one named argument beside others.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be one of several arguments",
    label = "not a value for the wire",
    note = "an owned argument needs `serde::Serialize` and `serde::Deserialize`",
    note = "`Params<T>` takes the whole of the params and must be the only owned argument",
    note = "what comes from the framework is borrowed: `ctx: &Context`, in `#[exclusive_rpc]` `leader: &Leadership`, in `#[command]` `progress: &Progress`"
)]
pub trait Field: Serialize + DeserializeOwned + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + 'static> Field for T {}

/// A value that can be the only owned argument: a [`Field`] by its name, or [`Params`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument",
    label = "not a value for the wire",
    note = "an owned argument comes from the wire: it needs `serde::Serialize` and `serde::Deserialize`",
    note = "what comes from the framework is borrowed: `ctx: &Context`, in `#[exclusive_rpc]` `leader: &Leadership`, in `#[command]` `progress: &Progress`"
)]
pub trait Owned: Sized + Send + 'static {
    #[doc(hidden)]
    fn read<'de, D: Deserializer<'de>>(names: Names, from: D) -> Result<Self, D::Error>;
    #[doc(hidden)]
    fn write<S: Serializer>(&self, names: Names, to: S) -> Result<S::Ok, S::Error>;
}

#[diagnostic::do_not_recommend]
impl<T: Field> Owned for T {
    fn read<'de, D: Deserializer<'de>>(names: Names, from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Fields1::<T>(names, PhantomData))
            .map(|(value,)| value)
    }

    fn write<S: Serializer>(&self, names: Names, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(1))?;
        map.serialize_entry(names.first().copied().unwrap_or_default(), self)?;
        map.end()
    }
}

impl<T: Field> Owned for Params<T> {
    fn read<'de, D: Deserializer<'de>>(_: Names, from: D) -> Result<Self, D::Error> {
        T::deserialize(from).map(Params)
    }

    fn write<S: Serializer>(&self, _: Names, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

/// The names of the arguments, in their order.
pub(crate) type Names = &'static [&'static str];

/// All owned arguments of a method: tuples of up to 12.
pub trait Arguments: Sized + Send + 'static {
    #[doc(hidden)]
    fn read<'de, D: Deserializer<'de>>(names: Names, from: D) -> Result<Self, D::Error>;
    #[doc(hidden)]
    fn write<S: Serializer>(&self, names: Names, to: S) -> Result<S::Ok, S::Error>;
}

/// Reads arguments with the help of their names.
pub(crate) struct ReadArguments<A>(pub(crate) Names, pub(crate) PhantomData<A>);

impl<'de, A: Arguments> DeserializeSeed<'de> for ReadArguments<A> {
    type Value = A;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<A, D::Error> {
        A::read(self.0, deserializer)
    }
}

/// Writes arguments as a map of their names.
pub(crate) struct WriteArguments<'a, A>(pub(crate) Names, pub(crate) &'a A);

impl<A: Arguments> Serialize for WriteArguments<'_, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.1.write(self.0, serializer)
    }
}

impl Arguments for () {
    fn read<'de, D: Deserializer<'de>>(_: Names, from: D) -> Result<Self, D::Error> {
        from.deserialize_any(IgnoredAny).map(drop)
    }

    fn write<S: Serializer>(&self, _: Names, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_map(Some(0))?.end()
    }
}

impl<A: Owned> Arguments for (A,) {
    fn read<'de, D: Deserializer<'de>>(names: Names, from: D) -> Result<Self, D::Error> {
        A::read(names, from).map(|value| (value,))
    }

    fn write<S: Serializer>(&self, names: Names, to: S) -> Result<S::Ok, S::Error> {
        self.0.write(names, to)
    }
}

/// Finds the place of a key among the names.
struct Key(Names);

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an argument")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|name| *name == key))
    }
}

fn fill<'de, T: Field, A: MapAccess<'de>>(
    slot: &mut Option<T>,
    map: &mut A,
    name: &'static str,
) -> Result<(), A::Error> {
    if slot.is_some() {
        return Err(A::Error::duplicate_field(name));
    }
    let value = map.next_value();
    *slot = Some(value.map_err(|cause| A::Error::custom(format!("argument `{name}`: {cause}")))?);
    Ok(())
}

/// A missing argument is an error, unless its type knows what "nothing" is (as `Option` does).
fn finish<T: Field, E: serde::de::Error>(slot: Option<T>, name: &'static str) -> Result<T, E> {
    slot.map_or_else(|| T::deserialize(Missing).map_err(|_| missing(name)), Ok)
}

fn missing<E: serde::de::Error>(name: &str) -> E {
    E::custom(format!("the argument `{name}` is missing"))
}

struct Missing;

impl<'de> Deserializer<'de> for Missing {
    type Error = Plain;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Plain> {
        Err(Plain::custom("missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Plain> {
        visitor.visit_none()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

macro_rules! fields {
    ($visitor:ident: $($T:ident $at:tt),+) => {
        struct $visitor<$($T),+>(Names, PhantomData<($($T,)+)>);

        impl<'de, $($T: Field),+> Visitor<'de> for $visitor<$($T),+> {
            type Value = ($($T,)+);

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let many = if self.0.len() == 1 { "" } else { "s" };
                write!(f, "a map with the argument{many} `{}`", self.0.join("`, `"))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut slots = ($(None::<$T>,)+);
                while let Some(key) = map.next_key_seed(Key(self.0))? {
                    match key {
                        $(Some($at) => fill(&mut slots.$at, &mut map, self.0[$at])?,)+
                        _ => drop(map.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(($(finish(slots.$at, self.0[$at])?,)+))
            }

            /// `null` is the same as no params.
            fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
                Ok(($(finish::<$T, E>(None, self.0[$at])?,)+))
            }
        }
    };
}

macro_rules! arguments {
    ($visitor:ident: $($T:ident $at:tt),+) => {
        fields!($visitor: $($T $at),+);

        impl<$($T: Field),+> Arguments for ($($T,)+) {
            fn read<'de, De: Deserializer<'de>>(names: Names, from: De) -> Result<Self, De::Error> {
                from.deserialize_any($visitor(names, PhantomData))
            }

            fn write<Se: Serializer>(&self, names: Names, to: Se) -> Result<Se::Ok, Se::Error> {
                let mut map = to.serialize_map(Some(names.len()))?;
                $(map.serialize_entry(names[$at], &self.$at)?;)+
                map.end()
            }
        }
    };
}

fields!(Fields1: A0 0);
arguments!(Fields2: A0 0, A1 1);
arguments!(Fields3: A0 0, A1 1, A2 2);
arguments!(Fields4: A0 0, A1 1, A2 2, A3 3);
arguments!(Fields5: A0 0, A1 1, A2 2, A3 3, A4 4);
arguments!(Fields6: A0 0, A1 1, A2 2, A3 3, A4 4, A5 5);
arguments!(Fields7: A0 0, A1 1, A2 2, A3 3, A4 4, A5 5, A6 6);
arguments!(Fields8: A0 0, A1 1, A2 2, A3 3, A4 4, A5 5, A6 6, A7 7);
arguments!(Fields9: A0 0, A1 1, A2 2, A3 3, A4 4, A5 5, A6 6, A7 7, A8 8);
arguments!(Fields10: A0 0, A1 1, A2 2, A3 3, A4 4, A5 5, A6 6, A7 7, A8 8, A9 9);
arguments!(Fields11: A0 0, A1 1, A2 2, A3 3, A4 4, A5 5, A6 6, A7 7, A8 8, A9 9, A10 10);
arguments!(Fields12: A0 0, A1 1, A2 2, A3 3, A4 4, A5 5, A6 6, A7 7, A8 8, A9 9, A10 10, A11 11);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Codec;
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Order {
        id: u32,
    }

    const AB: Names = &["a", "b"];

    fn read<A: Arguments>(names: Names, body: &str) -> Result<A, String> {
        let seed = ReadArguments(names, PhantomData);
        Codec::Json
            .decode_seed(body.as_bytes(), seed)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_are_read_by_name() {
        assert_eq!(read(AB, r#"{"a":1,"b":2}"#), Ok((1, 2)));
        assert_eq!(read(AB, r#"{"b":2,"a":1}"#), Ok((1, 2)));
        assert_eq!(
            read(AB, r#"{"a":1,"b":2,"c":[{}]}"#),
            Ok((1, 2)),
            "unknown ones are ignored"
        );
        assert_eq!(
            read(AB, r#"{"a":1}"#),
            Ok((1, None::<i64>)),
            "optional ones may be missing"
        );
        assert_eq!(read(AB, "null"), Ok((None::<i64>, None::<i64>)));
        assert_eq!(read(&["id"], r#"{"id":7}"#), Ok((7,)));
        assert_eq!(
            read(&["order"], r#"{"id":7}"#),
            Ok((Params(Order { id: 7 }),))
        );
        assert_eq!(
            read(&["order"], r#"{"order":{"id":7}}"#),
            Ok((Order { id: 7 },))
        );
        assert_eq!(read(&["n"], "7"), Ok((Params(7),)));
        for anything in ["{}", "null", "[1]", "7", r#"{"a":1}"#] {
            assert_eq!(read(&[], anything), Ok(()));
        }
    }

    #[test]
    fn mistakes_name_the_argument() {
        for (body, text) in [
            (r#"{"a":1}"#, "the argument `b` is missing"),
            (
                r#"{"a":1,"b":"x"}"#,
                "argument `b`: invalid type: string \"x\", expected i64",
            ),
            (r#"{"a":1,"a":1,"b":2}"#, "duplicate field `a`"),
            ("[1,2]", "expected a map with the arguments `a`, `b`"),
            ("7", "expected a map with the arguments `a`, `b`"),
            (r#"{"a":1,"b":2"#, "EOF"),
            ("", "EOF"),
        ] {
            let error = read::<(i64, i64)>(AB, body).unwrap_err();
            assert!(error.contains(text), "{body}: {error}");
        }
        let error = read::<(i64,)>(&["sku"], "7").unwrap_err();
        assert!(
            error.contains("expected a map with the argument `sku`"),
            "{error}"
        );
    }

    #[test]
    fn what_is_written_is_read() {
        for codec in [Codec::Json, Codec::MessagePack] {
            let written = (1i64, "x".to_owned(), Some(2.5));
            let names: Names = &["a", "b", "c"];
            let Ok(body) = codec.encode(&WriteArguments(names, &written)) else {
                continue;
            };
            let seed = ReadArguments::<(i64, String, Option<f64>)>(names, PhantomData);
            assert_eq!(codec.decode_seed(&body, seed), Ok(written));
        }
        let body = Codec::Json.encode(&WriteArguments(&["order"], &(Params(Order { id: 7 }),)));
        assert_eq!(body.unwrap(), r#"{"id":7}"#.as_bytes());
        assert_eq!(
            Codec::Json.encode(&WriteArguments(&[], &())).unwrap(),
            "{}".as_bytes()
        );
    }
}
