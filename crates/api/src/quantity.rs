//! Resource quantities: which texts are one, which amount they mean, and the text Kubernetes would write.
//!
//! Source: wire-contract 2.2, "Quantity rule". Amounts of more than 38 significant digits count as no quantity.

use std::cmp::Ordering;

/// An amount, as written in a manifest: `250m`, `1.5Gi`, `2e3`.
#[derive(Clone, Debug)]
pub struct Quantity {
    negative: bool,
    digits: u128,
    /// Power of ten of the last digit.
    scale: i32,
    family: Family,
    /// The text, where Kubernetes keeps it as it is.
    kept: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Decimal,
    Exponent,
    Binary,
}

/// Nothing finer than this is kept.
const NANO: i32 = -9;
const MILLI: i32 = -3;
/// Kubernetes caps binary amounts here.
const LARGEST_BINARY: u128 = i64::MAX as u128;
/// Digits up to which Kubernetes reads an amount without big arithmetic, which is when it keeps texts.
const SHORT: i32 = 18;

impl Quantity {
    /// Reads a quantity; `None` where Kubernetes would refuse the text.
    pub fn parse(text: &str) -> Option<Quantity> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let parts = split(text)?;
        let whole: u128 = if parts.digits.is_empty() {
            0
        } else {
            parts.digits.parse().ok()?
        };
        let quantity = match parts.family {
            Family::Decimal | Family::Exponent => Quantity {
                negative: parts.negative,
                digits: whole,
                scale: parts.exponent.checked_sub(parts.fraction)?,
                family: parts.family,
                kept: parts.is_kept().then(|| text.to_owned()),
            },
            Family::Binary => {
                let digits = whole.checked_mul(1 << parts.exponent)?;
                let kept = parts.is_kept().then(|| text.to_owned());
                let (negative, family) = (parts.negative, Family::Binary);
                Quantity {
                    negative,
                    digits,
                    scale: -parts.fraction,
                    family,
                    kept,
                }
                .capped()
            }
        };
        Some(quantity.rounded_up(NANO))
    }

    /// The text as Kubernetes writes it back.
    pub fn canonical(&self) -> String {
        if let Some(kept) = &self.kept {
            return kept.clone();
        }
        let (digits, scale) = self.stripped();
        if digits == 0 {
            return "0".to_owned();
        }
        let sign = if self.negative { "-" } else { "" };
        if self.family == Family::Binary
            && let Some(whole) = whole(digits, scale).filter(|whole| *whole >= 1024)
        {
            let (mut whole, mut times) = (whole, 0);
            while whole % 1024 == 0 && times < 6 {
                (whole, times) = (whole / 1024, times + 1);
            }
            return format!("{sign}{whole}{}", ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"][times]);
        }
        let lift = scale.rem_euclid(3);
        let number = format!("{digits}{}", "0".repeat(lift as usize));
        let scale = scale - lift;
        let suffix = match (self.family, scale) {
            (_, 0) => String::new(),
            (Family::Exponent, scale) => format!("e{scale}"),
            (Family::Decimal | Family::Binary, scale) => {
                match DECIMAL.iter().find(|(_, exponent)| *exponent == scale) {
                    Some((suffix, _)) => (*suffix).to_owned(),
                    None => format!("e{scale}"),
                }
            }
        };
        format!("{sign}{number}{suffix}")
    }

    /// One text for one amount, whatever the unit: digits and a power of ten.
    pub(crate) fn amount(&self) -> String {
        let (digits, scale) = self.stripped();
        let sign = if self.negative && digits != 0 { "-" } else { "" };
        format!("{sign}{digits}e{scale}")
    }

    /// The amount, rounded away from zero to a thousandth.
    pub(crate) fn rounded_up_to_milli(self) -> Quantity {
        self.rounded_up(MILLI)
    }

    /// -1, 0 or 1.
    pub fn signum(&self) -> i32 {
        match (self.digits, self.negative) {
            (0, _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        }
    }

    /// The amount without trailing zeros: equal amounts are equal here.
    fn stripped(&self) -> (u128, i32) {
        let (mut digits, mut scale) = (self.digits, self.scale);
        if digits == 0 {
            return (0, 0);
        }
        while digits % 10 == 0 {
            (digits, scale) = (digits / 10, scale + 1);
        }
        (digits, scale)
    }

    fn rounded_up(mut self, finest: i32) -> Quantity {
        if self.scale >= finest {
            return self;
        }
        let divisor = u32::try_from(finest - self.scale)
            .ok()
            .and_then(|places| 10u128.checked_pow(places));
        self.digits = match divisor {
            Some(divisor) => self.digits.div_ceil(divisor),
            None => self.digits.min(1),
        };
        self.scale = finest;
        self
    }

    fn capped(mut self) -> Quantity {
        let limit = u32::try_from(-self.scale)
            .ok()
            .and_then(|places| LARGEST_BINARY.checked_mul(10u128.pow(places)));
        if limit.is_some_and(|limit| self.digits > limit) {
            (self.digits, self.scale, self.kept) = (LARGEST_BINARY, 0, None);
        }
        self
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Quantity) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Quantity) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    /// By amount, whatever the unit.
    fn cmp(&self, other: &Quantity) -> Ordering {
        let by_sign = self.signum().cmp(&other.signum());
        let by_size = || {
            let ((a, a_scale), (b, b_scale)) = (self.stripped(), other.stripped());
            // position of the first digit decides, then the digits padded to the same length
            let first = |digits: u128, scale: i32| i64::from(digits.checked_ilog10().unwrap_or(0)) + i64::from(scale);
            first(a, a_scale).cmp(&first(b, b_scale)).then_with(|| {
                let width = a.to_string().len().max(b.to_string().len());
                format!("{a:0<width$}").cmp(&format!("{b:0<width$}"))
            })
        };
        by_sign.then_with(|| match self.signum() {
            0 => Ordering::Equal,
            1 => by_size(),
            _ => by_size().reverse(),
        })
    }
}

const DECIMAL: [(&str, i32); 9] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];
const BINARY: [(&str, i32); 6] = [("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];

struct Parts {
    negative: bool,
    /// All digits, the leading zeros gone.
    digits: String,
    /// Digits of them before the point.
    whole: i32,
    /// Digits of them behind the point.
    fraction: i32,
    /// Power of ten, or of two in the binary family.
    exponent: i32,
    family: Family,
}

impl Parts {
    /// Whether Kubernetes reuses the text: a short number that is its own canonical form as far as a quick look tells.
    /// The look is part of the wire: `1.234`, `+1` and `005m` are kept, `16Mi` and `1.5` are computed.
    fn is_kept(&self) -> bool {
        let last_digits = |count: usize| &self.digits[self.digits.len().saturating_sub(count)..];
        let whole = self.whole.max(1);
        match self.family {
            Family::Decimal | Family::Exponent => {
                let scale = self.exponent - self.fraction;
                let starts_with_digit = self.whole > 0 && !self.digits.is_empty();
                whole + self.fraction <= SHORT
                    && scale >= NANO
                    && scale % 3 == 0
                    && starts_with_digit
                    && last_digits(3) != "000"
            }
            Family::Binary => {
                let short = 15 - whole - self.exponent * 3 / 10 > 0;
                // 1000 is a multiple of 8
                self.fraction == 0 && short && last_digits(3).parse::<u32>().is_ok_and(|digits| digits % 8 != 0)
            }
        }
    }
}

fn split(text: &str) -> Option<Parts> {
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let unsigned = unsigned.trim_start_matches('0');
    let (whole, rest) = unsigned.split_at(unsigned.find(|c: char| !c.is_ascii_digit()).unwrap_or(unsigned.len()));
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
        None => ("", rest),
    };
    let (exponent, family) = interpret(suffix)?;
    Some(Parts {
        negative,
        digits: format!("{whole}{fraction}"),
        whole: i32::try_from(whole.len()).ok()?,
        fraction: i32::try_from(fraction.len()).ok()?,
        exponent,
        family,
    })
}

fn interpret(suffix: &str) -> Option<(i32, Family)> {
    let find = |table: &[(&str, i32)]| {
        table
            .iter()
            .find(|(name, _)| *name == suffix)
            .map(|(_, exponent)| *exponent)
    };
    if suffix.is_empty() {
        return Some((0, Family::Decimal));
    }
    if let Some(exponent) = find(&DECIMAL) {
        return Some((exponent, Family::Decimal));
    }
    if let Some(exponent) = find(&BINARY) {
        return Some((exponent, Family::Binary));
    }
    let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    Some((exponent, Family::Exponent))
}

/// The amount if it is a whole number.
fn whole(digits: u128, scale: i32) -> Option<u128> {
    let places = u32::try_from(scale).ok()?;
    digits.checked_mul(10u128.checked_pow(places)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_written_as_kubernetes_writes_them() {
        for (text, canonical) in [
            ("0", "0"),
            ("0Mi", "0"),
            ("-0", "0"),
            ("1", "1"),
            ("+1", "+1"),
            ("005m", "005m"),
            ("1E3", "1E3"),
            ("2000m", "2"),
            ("0.5", "500m"),
            ("1.5", "1500m"),
            ("1.50", "1500m"),
            ("1.234", "1.234"),
            ("1000", "1k"),
            ("1000k", "1M"),
            ("1024Mi", "1Gi"),
            ("1000Mi", "1000Mi"),
            ("1023Ki", "1023Ki"),
            ("+16Mi", "16Mi"),
            ("0.5Gi", "512Mi"),
            ("1.5Gi", "1536Mi"),
            ("-0.5Gi", "-512Mi"),
            ("0.5Ki", "512"),
            ("1.1Ki", "1126400m"),
            ("0.3Ki", "307200m"),
            ("1e3", "1e3"),
            ("10e2", "1e3"),
            ("1.5e3", "1500"),
            ("1000e3", "1e6"),
            ("1e-10", "1e-9"),
            ("0.1n", "1n"),
            ("-0.1n", "-1n"),
            ("1.23456789", "1234567890n"),
            ("1.2345678901", "1234567891n"),
            ("5.", "5."),
            (".5", "500m"),
            ("16Ei", "9223372036854775807"),
            ("1234567890123456789", "1234567890123456789"),
            (" 1 ", "1"),
        ] {
            let quantity = Quantity::parse(text).unwrap_or_else(|| panic!("{text} is a quantity"));
            assert_eq!(quantity.canonical(), canonical, "{text}");
            let again = Quantity::parse(canonical).expect("the canonical text is a quantity");
            assert_eq!(again, quantity, "{text} and {canonical} are the same amount");
        }
    }

    #[test]
    fn what_is_no_quantity() {
        for text in [
            "", "invalid", "1.1.M", "1+1.0M", "0.1mi", "1i", "-3.01e-", "1 Gi", "1Gi ?", "e3x",
        ] {
            assert!(Quantity::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn amounts_compare_across_units() {
        for (smaller, larger) in [
            ("-1", "0"),
            ("999m", "1"),
            ("1Gi", "1.1Gi"),
            ("1M", "1Mi"),
            ("-2", "-1"),
            ("9", "10"),
        ] {
            let (smaller, larger) = (Quantity::parse(smaller).unwrap(), Quantity::parse(larger).unwrap());
            assert!(smaller < larger, "{smaller:?} {larger:?}");
        }
        assert_eq!(Quantity::parse("1024Mi"), Quantity::parse("1Gi"));
        assert_eq!(Quantity::parse("1000m"), Quantity::parse("1"));
        assert_eq!(Quantity::parse("1e3"), Quantity::parse("1k"));
    }
}
