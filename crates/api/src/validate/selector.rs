//! Whether a label selector can be read.

use super::{FieldError, names};
use crate::rollout::{LabelSelector, LabelSelectorRequirement};

/// Every syntax error of a selector at `path`, in the order of the API server. Source: wire-contract 7.7.
pub(super) fn syntax(selector: &LabelSelector, path: &str) -> Vec<FieldError> {
    let mut errors = names::labels(&selector.match_labels, &format!("{path}.matchLabels"));
    for (i, requirement) in selector.match_expressions.iter().enumerate() {
        errors.extend(requirement_syntax(
            requirement,
            &format!("{path}.matchExpressions[{i}]"),
        ));
    }
    errors
}

/// Whether nothing is asked for at all; such a selector selects everything.
pub(super) fn is_empty(selector: &LabelSelector) -> bool {
    selector.match_labels.is_empty() && selector.match_expressions.is_empty()
}

fn requirement_syntax(requirement: &LabelSelectorRequirement, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    match requirement.operator.as_str() {
        "In" | "NotIn" => {
            if requirement.values.is_empty() {
                let detail = "must be specified when `operator` is 'In' or 'NotIn'";
                errors.push(FieldError::required(format!("{path}.values"), detail));
            }
        }
        "Exists" | "DoesNotExist" => {
            if !requirement.values.is_empty() {
                let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                errors.push(FieldError::forbidden(format!("{path}.values"), detail));
            }
        }
        other => {
            let detail = "not a valid selector operator";
            errors.push(FieldError::invalid(format!("{path}.operator"), other, detail));
        }
    }
    errors.extend(names::label_key(&requirement.key, &format!("{path}.key")));
    for (j, value) in requirement.values.iter().enumerate() {
        errors.extend(names::label_value(value, &format!("{path}.values[{j}]")));
    }
    errors
}
