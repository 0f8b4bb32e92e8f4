//! Enums as tables: what is known of each variant stands beside it.

/// Makes an enum of variants that each have a row of a table.
macro_rules! tabled {
    (
        $(#[$about:meta])*
        $vis:vis enum $Enum:ident: $Row:ty { $($(#[$variant_about:meta])* $Variant:ident = $row:expr,)+ }
    ) => {
        $(#[$about])*
        $vis enum $Enum {
            $($(#[$variant_about])* $Variant,)+
        }

        impl $Enum {
            /// Every one, in the order in which files and tables have them.
            $vis const ALL: [$Enum; [$(stringify!($Variant)),+].len()] = [$($Enum::$Variant),+];

            const fn row(self) -> $Row {
                match self {
                    $($Enum::$Variant => $row,)+
                }
            }
        }
    };
}

/// Makes an enum of variants that each have a name in files.
macro_rules! named {
    (
        $(#[$about:meta])*
        $vis:vis enum $Enum:ident { $($(#[$variant_about:meta])* $Variant:ident = $name:literal,)+ }
    ) => {
        tabled! {
            $(#[$about])*
            $vis enum $Enum: &'static str {
                $($(#[$variant_about])* $Variant = $name,)+
            }
        }

        impl $Enum {
            /// The name used in files.
            $vis const fn name(self) -> &'static str {
                self.row()
            }
        }
    };
}

/// Makes an enum of what can be wrong: each variant has a sentence, and a code in files, counted from 1.
macro_rules! coded {
    (
        $(#[$about:meta])*
        $vis:vis enum $Enum:ident { $($(#[$variant_about:meta])* $Variant:ident = $sentence:literal,)+ }
    ) => {
        tabled! {
            $(#[$about])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            $vis enum $Enum: &'static str {
                $($(#[$variant_about])* $Variant = $sentence,)+
            }
        }

        impl $Enum {
            /// Returns the one with this code.
            $vis fn of(code: i32) -> Option<$Enum> {
                $Enum::ALL.into_iter().find(|one| one.code() == code)
            }
            /// The code in files.
            $vis const fn code(self) -> i32 {
                self as i32 + 1
            }
            /// What is wrong.
            $vis const fn sentence(self) -> &'static str {
                self.row()
            }
        }
    };
}
