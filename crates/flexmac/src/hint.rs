//! Hints on what to try after an error. They name flags of this program, which libraries do not
//! know.

use std::error::Error;

use flexmac_engine::{EngineError, GemmError};
use flexmac_imagestyle::ImageStyleError;
use flexmac_nn::NnError;
use flexmac_report::ReportError;
use flexmac_rtlgen::RtlgenError;
use flexmac_train::{Remedy, RunFolderError, TrainError};

/// A hint for the first cause that has one.
pub fn of(error: &anyhow::Error) -> Option<String> {
    error.chain().find_map(of_cause)
}

fn of_cause(cause: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = cause.downcast_ref::<TrainError>() {
        return of_train(error);
    }
    if let Some(error) = cause.downcast_ref::<RunFolderError>() {
        return of_folder(error);
    }
    if let Some(error) = cause.downcast_ref::<EngineError>() {
        return of_engine(error);
    }
    if let Some(error) = cause.downcast_ref::<GemmError>() {
        return of_gemm(error);
    }
    if let Some(error) = cause.downcast_ref::<ImageStyleError>() {
        return of_image_style(error);
    }
    if let Some(error) = cause.downcast_ref::<ReportError>() {
        return of_report(error);
    }
    if let Some(error) = cause.downcast_ref::<flexmac_power::Error>() {
        return of_power(error);
    }
    match cause.downcast_ref() {
        Some(RtlgenError::ForeignFolder { .. }) => {
            Some("choose another --out or remove it".to_owned())
        }
        Some(RtlgenError::PrefixTaken { .. }) => Some("choose another --prefix".to_owned()),
        _ => None,
    }
}

fn of_train(error: &TrainError) -> Option<String> {
    match error {
        TrainError::Loss { .. } => Some("lower --lr, or widen the formats".to_owned()),
        TrainError::Folder(error) => of_folder(error),
        TrainError::Network(NnError::Engine(failure)) => of_engine(&failure.source),
        _ => None,
    }
}

fn of_folder(error: &RunFolderError) -> Option<String> {
    let flags = match error {
        RunFolderError::InUse { .. } => {
            "choose another --out, overwrite its run with --force, or continue it with --resume"
        }
        RunFolderError::RunFile { remedy, .. } => match remedy {
            Remedy::Earlier(_) => "--resume-previous resumes from there",
            Remedy::Shorter => {
                "--resume-previous resumes from an earlier checkpoint, --force starts over"
            }
            Remedy::PutBack | Remedy::NoneBefore | Remedy::StartOver => "--force starts over",
        },
        _ => return None,
    };
    Some(flags.to_owned())
}

fn of_image_style(error: &ImageStyleError) -> Option<String> {
    let flags = match error {
        ImageStyleError::PhotosMissing { .. } => {
            "or name folders of your own photographs with --photos"
        }
        ImageStyleError::TooFewPhotos { .. } => "name folders with JPEG or PNG files with --photos",
        ImageStyleError::Occupied { .. } => "choose another --out",
        _ => return None,
    };
    Some(flags.to_owned())
}

fn of_engine(error: &EngineError) -> Option<String> {
    match error {
        EngineError::Gemm(error) => of_gemm(error),
        _ => None,
    }
}

fn of_gemm(error: &GemmError) -> Option<String> {
    match error {
        GemmError::RoundingAbsent { .. } => Some("add it to --rounding of flexmac gen".to_owned()),
        _ => None,
    }
}

fn of_report(error: &ReportError) -> Option<String> {
    let ReportError::Missing { file, .. } = error else { return None };
    let hint = match *file {
        "result.json" => {
            "a run writes it when it ends; --unfinished reports the iterations done so far"
        }
        _ => "give the folder that `flexmac train --out` wrote",
    };
    Some(hint.to_owned())
}

fn of_power(error: &flexmac_power::Error) -> Option<String> {
    let hint = match error {
        flexmac_power::Error::Netlist { .. } => "`flexmac synth` of the whole core makes one",
        flexmac_power::Error::MemoryScaling { .. } => "or give --memory-pj-per-bit",
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hint after an error with some context.
    fn hint(error: impl Error + Send + Sync + 'static) -> String {
        of(&anyhow::Error::new(error).context("a command")).unwrap_or_default()
    }

    #[test]
    fn errors_of_libraries_get_the_flags_that_help() {
        let folders = "here".to_owned();
        let photos = hint(ImageStyleError::TooFewPhotos { found: 1, folders });
        assert!(photos.ends_with("--photos"), "{photos}");
        let library = "l".to_owned();
        let memory = flexmac_power::Error::MemoryScaling { library, expected: "an inverter" };
        assert_eq!(hint(memory), "or give --memory-pj-per-bit");
        let missing = |file| hint(ReportError::Missing { folder: "run".into(), file });
        assert!(missing("config.json").contains("flexmac train --out"));
        assert!(missing("result.json").contains("--unfinished"));
    }
}
