//! plotters' `BitMapBackend` with two replacements. plotters 0.3.7 places glyphs at whole pixels
//! without side bearings, so that letters are unevenly spaced: `text` places them instead. It draws
//! slanted lines with steps: `coverage` smooths them.

use crate::report::format::png::coverage::Pixel;
use crate::report::format::png::{coverage, text};
use plotters::prelude::*;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendStyle, BackendTextStyle, DrawingErrorKind, rasterizer,
};

/// A bitmap of three bytes per pixel. All text is DejaVu Sans, whatever family is requested.
pub(crate) struct Backend<'a>(BitMapBackend<'a>);

type Error = <BitMapBackend<'static> as DrawingBackend>::ErrorType;
type Done<T = ()> = Result<T, DrawingErrorKind<Error>>;

/// A part of a picture, in pixels from its corner.
pub(crate) type Area<'a> = DrawingArea<Backend<'a>, plotters::coord::Shift>;
/// The result of drawing; in memory it does not fail.
pub(crate) type Drawn<T = ()> = Result<T, DrawingAreaErrorKind<Error>>;

impl<'a> Backend<'a> {
    /// Draws on `pixels`, three bytes for each pixel of `size`.
    pub(crate) fn over(pixels: &'a mut [u8], size: (u32, u32)) -> Backend<'a> {
        Backend(BitMapBackend::with_buffer(pixels, size))
    }
}

impl DrawingBackend for Backend<'_> {
    type ErrorType = Error;

    fn get_size(&self) -> (u32, u32) {
        self.0.get_size()
    }
    fn ensure_prepared(&mut self) -> Done {
        self.0.ensure_prepared()
    }
    fn present(&mut self) -> Done {
        self.0.present()
    }
    fn draw_pixel(&mut self, at: Pixel, colour: BackendColor) -> Done {
        self.0.draw_pixel(at, colour)
    }
    fn draw_line<S: BackendStyle>(&mut self, from: Pixel, to: Pixel, style: &S) -> Done {
        self.0.draw_line(from, to, style)
    }
    /// plotters' own slanted lines have steps if they are wider than a pixel.
    fn draw_path<S: BackendStyle, I: IntoIterator<Item = Pixel>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Done {
        let path: Vec<Pixel> = path.into_iter().collect();
        let upright = |w: &[Pixel]| w[0].0 == w[1].0 || w[0].1 == w[1].1;
        if style.stroke_width() < 2 || path.windows(2).all(upright) {
            let line = |w: &[Pixel]| rasterizer::draw_line(self, w[0], w[1], style);
            return path.windows(2).try_for_each(line);
        }
        let colour = style.color();
        let mut done = Ok(());
        coverage::pixels(&path, style.stroke_width() as f32, |at, cover| {
            if done.is_ok() {
                let alpha = colour.alpha * f64::from(cover);
                done = self.0.draw_pixel(at, BackendColor { alpha, ..colour });
            }
        });
        done
    }
    fn draw_rect<S: BackendStyle>(
        &mut self,
        from: Pixel,
        to: Pixel,
        style: &S,
        fill: bool,
    ) -> Done {
        self.0.draw_rect(from, to, style, fill)
    }
    fn blit_bitmap(&mut self, at: Pixel, size: (u32, u32), pixels: &[u8]) -> Done {
        self.0.blit_bitmap(at, size, pixels)
    }

    /// The height of a text is that of its capitals, so that centred text looks centred.
    fn estimate_text_size<S: BackendTextStyle>(&self, text: &str, style: &S) -> Done<(u32, u32)> {
        let font = text::font(style.size() as f32, style.style());
        let height = text::CAPITAL * style.size() as f32;
        Ok((text::width(&font, text).ceil() as u32, height.ceil() as u32))
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): Pixel) -> Done {
        let font = text::font(style.size() as f32, style.style());
        let anchor = style.anchor();
        let left = match anchor.h_pos {
            HPos::Left => 0.0,
            HPos::Center => -0.5,
            HPos::Right => -1.0,
        };
        let foot = match anchor.v_pos {
            VPos::Top => 1.0,
            VPos::Center => 0.5,
            VPos::Bottom => 0.0,
        };
        let height = text::CAPITAL * style.size() as f32;
        let start = (left * text::width(&font, text), foot * height);
        let (turn, colour) = (style.transform(), style.color());
        let mut done = Ok(());
        text::pixels(&font, text, start, |dx, dy, cover| {
            let (dx, dy) = turn.transform(dx, dy);
            let alpha = colour.alpha * f64::from(cover.min(1.0));
            if done.is_ok() {
                done = self.0.draw_pixel((x + dx, y + dy), BackendColor { alpha, ..colour });
            }
        });
        done
    }
}
