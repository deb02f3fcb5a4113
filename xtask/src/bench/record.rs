//! All figures of all rounds, and what they say.

use serde_json::{Value, json};

use super::measure::{Better, Measure, Target};
use super::relay::Kind;

/// The figures of a row, those of each relay in the order of the rounds.
#[derive(Debug, Clone)]
struct Row {
    measure: Measure,
    figures: [Vec<f64>; Kind::ALL.len()],
}

/// Rows in the order in which they were first measured.
#[derive(Debug, Default)]
pub(super) struct Record {
    rows: Vec<Row>,
}

impl Record {
    /// Notes one figure.
    pub(super) fn add(&mut self, measure: Measure, kind: Kind, figure: f64) {
        let place = self.rows.iter().position(|row| row.measure == measure).unwrap_or_else(|| {
            self.rows.push(Row { measure, figures: Default::default() });
            self.rows.len() - 1
        });
        let figures = self.rows.get_mut(place).and_then(|row| row.figures.get_mut(column(kind)));
        if let Some(figures) = figures {
            figures.push(figure);
        }
    }

    /// The table, in Markdown.
    pub(super) fn table(&self) -> String {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by_key(|row| row.measure.work);
        let head = "\
| work | | gatepost | Postfix as shipped | Postfix, `in_flow_delay=0s` | ratios | target | |
| --- | --- | --- | --- | --- | --- | --- | --- |
";
        rows.into_iter().map(Row::line).fold(head.to_owned(), |table, line| table + &line)
    }

    /// The same, every figure, for programs.
    pub(super) fn json(&self) -> Value {
        self.rows.iter().map(Row::json).collect()
    }
}

fn column(kind: Kind) -> usize {
    Kind::ALL.iter().position(|known| *known == kind).unwrap_or_default()
}

impl Row {
    fn spread(&self, kind: Kind) -> Option<Spread> {
        self.figures
            .get(column(kind))
            .filter(|figures| !figures.is_empty())
            .map(|figures| Spread::of(figures.clone()))
    }

    fn line(&self) -> String {
        let Measure { work, name, digits, .. } = self.measure;
        let [ours, shipped, unflowed] = Kind::ALL
            .map(|kind| self.spread(kind).map_or_else(|| "–".to_owned(), |spread| spread.shown(digits)));
        let [as_shipped, as_unflowed] = [Kind::Postfix, Kind::Unflowed].map(|kind| self.ratio(kind));
        let ratios = match (as_shipped, as_unflowed) {
            (None, None) => String::new(),
            (Some(one), None) | (None, Some(one)) => times(one),
            (Some(shipped), Some(unflowed)) => format!("{}; {}", times(shipped), times(unflowed)),
        };
        let (target, verdict) = self.target();
        format!(
            "| {} | {name} | {ours} | {shipped} | {unflowed} | {ratios} | {target} | {verdict} |\n",
            work.name()
        )
    }

    /// How many times better we are than a Postfix: above 1 is better, whichever way the row goes.
    fn ratio(&self, kind: Kind) -> Option<f64> {
        let (ours, theirs) = (self.spread(Kind::Gatepost)?.median, self.spread(kind)?.median);
        let ratio = match self.measure.better {
            Better::Higher => ours / theirs,
            Better::Lower => theirs / ours,
            Better::Neither => return None,
        };
        ratio.is_finite().then_some(ratio)
    }

    /// The target, and whether it is met.
    fn target(&self) -> (String, &'static str) {
        let verdict =
            |met: Option<bool>| met.map_or("not measured", |met| if met { "met" } else { "missed" });
        match self.measure.target {
            Target::None => (String::new(), ""),
            Target::Times(wanted) => {
                let met = self.ratio(Kind::Unflowed).map(|ratio| ratio >= wanted);
                (format!("at least {wanted:.1} times the last"), verdict(met))
            }
            Target::AtMost(most) => {
                let met = self.spread(Kind::Gatepost).map(|spread| spread.median <= most);
                (format!("at most {most}"), verdict(met))
            }
        }
    }

    fn json(&self) -> Value {
        let Measure { work, name, .. } = self.measure;
        let figures: serde_json::Map<String, Value> = Kind::ALL
            .iter()
            .zip(&self.figures)
            .map(|(kind, figures)| (kind.name().to_owned(), json!(figures)))
            .collect();
        let (target, verdict) = self.target();
        json!({
            "work": work.name(),
            "measure": name,
            "figures": figures,
            "times-postfix": self.ratio(Kind::Postfix),
            "times-postfix-0s": self.ratio(Kind::Unflowed),
            "target": target,
            "verdict": verdict,
        })
    }
}

fn times(ratio: f64) -> String {
    if ratio >= 10.0 { format!("{ratio:.0} ×") } else { format!("{ratio:.2} ×") }
}

/// Median and range.
#[derive(Debug, PartialEq)]
struct Spread {
    lowest: f64,
    median: f64,
    highest: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let last = values.len().saturating_sub(1);
        let median = f64::midpoint(at(last / 2), at(last.div_ceil(2)));
        Self { lowest: at(0), median, highest: at(last) }
    }

    fn shown(&self, digits: usize) -> String {
        let Self { lowest, median, highest } = self;
        format!("{median:.digits$} ({lowest:.digits$} to {highest:.digits$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measure::{ACCEPTED, PROCESSOR};

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]), Spread { lowest: 1.0, median: 2.0, highest: 3.0 });
        assert_eq!(Spread::of(vec![1.0, 2.0]).median, 1.5);
    }

    #[test]
    fn targets_are_met_or_missed_and_ratios_say_how_often_we_are_better() {
        let mut record = Record::default();
        for (kind, rate, cost) in
            [(Kind::Gatepost, 2000.0, 0.1), (Kind::Postfix, 100.0, 1.0), (Kind::Unflowed, 250.0, 0.5)]
        {
            record.add(PROCESSOR, kind, cost);
            record.add(ACCEPTED, kind, rate);
        }
        let table = record.table();
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert!(lines[0].contains("| W1 |") && lines[0].contains("20 ×; 8.00 ×"), "{table}");
        assert!(lines[0].ends_with("| at least 10.0 times the last | missed |"), "{table}");
        assert!(
            lines[1].contains("10 ×; 5.00 ×") && lines[1].ends_with("| at most 0.08 | missed |"),
            "{table}"
        );
        record.add(PROCESSOR, Kind::Gatepost, 0.01);
        record.add(PROCESSOR, Kind::Gatepost, 0.02);
        assert!(record.table().contains("0.020 (0.010 to 0.100)"), "{}", record.table());
        assert!(record.table().contains("| at most 0.08 | met |"), "{}", record.table());
        assert_eq!(record.json()[1]["figures"]["postfix-0s"], json!([250.0]));
    }
}
