//! Fonts, and the width of text.

use ab_glyph::{Font, FontRef, GlyphId, ScaleFont};
use plotters::prelude::*;
use plotters_backend::text_anchor::{HPos, Pos, VPos};
use std::sync::LazyLock;

pub(crate) const INK: RGBColor = RGBColor(30, 30, 30);
pub(crate) const GREY: RGBColor = RGBColor(105, 105, 105);
/// plotters divides the size of a font by this.
const PLOTTERS_SCALE: f32 = 1.24;

/// DejaVu Sans, regular and bold (Bitstream Vera licence, see `font/LICENSE-DejaVu.txt`).
pub(crate) static FONTS: [&[u8]; 2] =
    [include_bytes!("font/DejaVuSans.ttf"), include_bytes!("font/DejaVuSans-Bold.ttf")];
static MEASURES: LazyLock<[FontRef<'static>; 2]> = LazyLock::new(|| {
    let font = "the embedded font is a font; a test draws with it";
    FONTS.map(|bytes| FontRef::try_from_slice(bytes).expect(font))
});

/// Size in pixels per em, weight and colour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pen {
    pub size: f32,
    bold: bool,
    colour: RGBColor,
}

impl Pen {
    pub(crate) const fn new(size: f32) -> Pen {
        Pen { size, bold: false, colour: INK }
    }
    pub(crate) const fn bold(self) -> Pen {
        Pen { bold: true, ..self }
    }
    pub(crate) const fn colour(self, colour: RGBColor) -> Pen {
        Pen { colour, ..self }
    }
    /// Returns plotters' style, vertically centred.
    pub(crate) fn at(self, h_pos: HPos) -> TextStyle<'static> {
        let weight = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let size = f64::from(self.size * PLOTTERS_SCALE);
        let font = FontDesc::new(FontFamily::SansSerif, size, weight);
        let color = self.colour.to_backend_color();
        TextStyle { font, color, pos: Pos::new(h_pos, VPos::Center) }
    }
    /// Returns the width of a text in pixels.
    pub(crate) fn width(self, text: &str) -> f32 {
        let font = &MEASURES[usize::from(self.bold)];
        let units = font.units_per_em().unwrap_or(2048.0);
        let font = font.as_scaled(self.size * font.height_unscaled() / units);
        let glyphs: Vec<GlyphId> = text.chars().map(|c| font.glyph_id(c)).collect();
        let advances: f32 = glyphs.iter().map(|id| font.h_advance(*id)).sum();
        let kerning: f32 = glyphs.windows(2).map(|pair| font.kern(pair[0], pair[1])).sum();
        advances + kerning
    }
    /// Returns the text, cut with an ellipsis if it is wider than `most`.
    pub(crate) fn fit(self, text: &str, most: f32) -> String {
        if self.width(text) <= most {
            return text.to_owned();
        }
        let mut kept: Vec<char> = text.chars().collect();
        while kept.pop().is_some() {
            let shorter: String = kept.iter().chain(&['…']).collect();
            if self.width(&shorter) <= most {
                return shorter;
            }
        }
        String::new()
    }
    /// Returns the text in lines that are at most `most` wide.
    pub(crate) fn wrap(self, text: &str, most: f32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            match lines.last_mut() {
                Some(line) if self.width(&format!("{line} {word}")) <= most => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(self.fit(word, most)),
            }
        }
        lines
    }
}
