//! Places drawn by their weight: what is popular, and when people are busy.

use fastrand::Rng;

/// The exponent of Zipf's law for questions.
const ZIPF: f64 = 1.3;

/// Sums of weights up to each place.
#[derive(Clone, Debug)]
pub struct Shares(Vec<f64>);

impl Shares {
    /// Places with these weights.
    pub fn new(weights: impl Iterator<Item = f64>) -> Self {
        let sums = weights.scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self(sums.collect())
    }

    /// So many places by Zipf's law, the most popular first.
    pub fn zipf(places: usize) -> Self {
        Self::new((1..=places).map(|rank| (rank as f64).powf(-ZIPF)))
    }

    /// A place.
    pub fn draw(&self, rng: &mut Rng) -> usize {
        let drawn = rng.f64() * self.0.last().copied().unwrap_or_default();
        self.0.partition_point(|sum| *sum <= drawn).min(self.0.len() - 1)
    }
}

#[test]
fn the_first_of_zipf_is_asked_two_and_a_half_times_as_often_as_the_second() {
    let (shares, mut rng) = (Shares::zipf(1_000), Rng::with_seed(1));
    let drawn: Vec<usize> = (0..100_000).map(|_| shares.draw(&mut rng)).collect();
    let count = |place| drawn.iter().filter(|drawn| **drawn == place).count() as f64;
    let ratio = count(0) / count(1);
    assert!((2.4..2.53).contains(&ratio), "{ratio}");
    assert!(drawn.iter().all(|place| *place < 1_000));
}
