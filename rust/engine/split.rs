//! Which of several outputs a row goes to: shares of all rows, mixed by a seed.
//!
//! Of every [`WINDOW`] rows each output gets its share, and chance decides which of them: shares are
//! right to a row or two however many rows there are, as they would not be if each row were drawn by
//! itself, and nothing that comes back in the data at regular distances is always in the same output,
//! as it would be if every so-manieth row were taken. What a row is decided by is its number alone.

use crate::random::Random;

/// Rows that are mixed together.
const WINDOW: u64 = 64;

/// Shares of rows, and where in them we are.
#[derive(Debug)]
pub(super) struct Split {
    /// For each output, the end of its part of all numbers.
    ends: Vec<u64>,
    seed: u64,
    row: u64,
    /// The numbers of the window that we are in.
    window: Vec<u64>,
}

impl Split {
    /// For outputs of these shares, which are relative to their sum.
    pub(super) fn new(shares: &[f64], seed: u64) -> Self {
        let sum: f64 = shares.iter().sum();
        let mut end = 0.0;
        let ends = shares.iter().map(|share| {
            end += share / sum;
            part_of_all(end)
        });
        Self { ends: ends.collect(), seed, row: 0, window: Vec::new() }
    }

    /// The output of the next row.
    pub(super) fn next(&mut self) -> usize {
        let place = self.row % WINDOW;
        if place == 0 {
            self.mix(self.row / WINDOW);
        }
        self.row += 1;
        let number = self.window.get(usize::try_from(place).unwrap_or(0)).copied().unwrap_or(0);
        let last = self.ends.len().saturating_sub(1);
        self.ends.iter().position(|end| number < *end).unwrap_or(last)
    }

    /// Spreads numbers evenly over a window, a little further on than those of the windows before, and
    /// shuffles them (Fisher and Yates).
    fn mix(&mut self, window: u64) {
        let offset = window.reverse_bits() / WINDOW;
        let step = u64::MAX / WINDOW + 1;
        self.window = (0..WINDOW).map(|place| place * step + offset).collect();
        let mut random = Random::new(Random::new(self.seed).bits() ^ window);
        for place in (1..self.window.len()).rev() {
            self.window.swap(place, random.below(place + 1));
        }
    }
}

/// A part of all 64-bit numbers.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "shares are not meant to sixteen digits"
)]
fn part_of_all(share: f64) -> u64 {
    (share * u64::MAX as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_output_gets_its_share_of_few_rows_and_of_many() {
        let cases: [(&[f64], usize); 5] = [
            (&[0.9, 0.05, 0.05], 100),
            (&[0.9, 0.05, 0.05], 10_000),
            (&[8.0, 1.0, 1.0], 532),
            (&[1.0], 10),
            (&[0.999, 0.001], 100_000),
        ];
        for (shares, rows) in cases {
            for seed in 0..20 {
                let mut split = Split::new(shares, seed);
                let mut counts = vec![0; shares.len()];
                (0..rows).for_each(|_| counts[split.next()] += 1);
                let sum: f64 = shares.iter().sum();
                for (count, share) in counts.iter().zip(shares) {
                    let meant = f64::from(u32::try_from(rows).unwrap_or(0)) * share / sum;
                    let off = (f64::from(*count) - meant).abs();
                    assert!(off <= 5.0, "{shares:?} of {rows}: {counts:?}");
                }
            }
        }
    }

    #[test]
    fn another_seed_gives_another_split_and_the_same_seed_the_same() {
        let rows = |seed| {
            let mut split = Split::new(&[0.5, 0.5], seed);
            (0..1000).map(|_| split.next()).collect::<Vec<_>>()
        };
        assert_eq!(rows(1), rows(1));
        assert_ne!(rows(1), rows(2));
        // Rows at regular distances are not all in one output.
        for distance in [2, 5, 8, 64] {
            let some: Vec<_> = rows(3).into_iter().step_by(distance).collect();
            assert!(some.contains(&0) && some.contains(&1), "every {distance}th row");
        }
    }
}
