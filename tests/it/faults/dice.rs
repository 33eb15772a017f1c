//! A small generator of numbers (xorshift), so that a seed tells the whole story again.

/// What decides.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn roll(&mut self, sides: u8) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u8::try_from(self.0 % u64::from(sides)).unwrap()
    }

    pub(crate) fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        let place = self.roll(u8::try_from(all.len()).unwrap());
        all[usize::from(place)].clone()
    }

    /// One time in `times`.
    pub(crate) fn once_in(&mut self, times: u8) -> bool {
        self.roll(times) == 0
    }
}
