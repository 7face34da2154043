"""Where records come in by files and are merged, and the registers: a part of the table of screens (places.py)."""

from tests.pages.place import Act, Door, File, Place, Screen

UPLOADS: dict[str, Place] = {
    "uploads": Screen("Load files", "Lists every upload of bulk files, and leads to the next."),
    "upload_files": Screen("Choose the files to load", "Takes bulk files in, to be checked before anything is loaded."),
    "columns": Screen("What the files hold", "Says what each column of a bulk file is, and what it accepts."),
    "template_file": File("a bulk file with its header row alone"),
    "upload": Screen(
        "Upload", "Shows what was checked, what is wrong or would change, and loads it if confirmed.", many=8
    ),
    "upload_errors": File("what is wrong with an upload, guarded for a spreadsheet"),
    "confirm_upload": Act("has an upload loaded as it was checked"),
    "cancel_upload": Act("destroys an upload instead of loading it"),
}

DUPLICATES: dict[str, Place] = {
    "duplicates": Screen("Likely duplicates", "Lists pairs of records that may be of one person, the likeliest first."),
    "bring_together": Screen("Bring two records together", "Takes two references, to compare the records."),
    "duplicate": Screen("Compare two records", "Shows two records side by side, and takes what was decided of them."),
    "merges": Screen("Merged records", "Lists which record counts as which, since when, and leads to undoing it."),
    "undo_merge": Screen("Undo a merge", "Takes why two records are not of one person, and says what is left."),
}

REGISTERS: dict[str, Place] = {
    "registers": Door("agreements"),
    "agreements": Screen("Agreements", "Lists under which agreements data may be sent, to whom, and until when."),
    "add_agreement": Screen("Add an agreement", "Takes an agreement that was signed."),
    "agreement": Screen("Agreement", "Shows one agreement and its history, and leads to its end."),
    "end_agreement": Screen("End an agreement", "Takes the day from which an agreement no longer counts, and why."),
    "datasets": Screen("Datasets", "Lists with which datasets of departments records may be matched."),
    "add_dataset": Screen("Add a dataset", "Takes a dataset, its department, and by what its records are found."),
    "dataset": Screen("Dataset", "Shows one dataset and its history, and takes it into use or out.", many=12),
    "change_dataset": Screen("Change a dataset", "Changes name, department or keys of a dataset."),
    "enable_dataset": Act("takes a dataset into use"),
    "disable_dataset": Screen("Put a dataset out of use", "Asks once more, with what follows from it."),
    "take_dataset_out": Screen("Take a dataset out of the register", "Asks once more, with what follows from it."),
    "notice_versions": Screen(
        "Privacy notices", "Lists every version of the privacy notice, and since when it counts."
    ),
    "add_notice_version": Screen("Add a version of the notice", "Takes a new version, with its basis and recipients."),
    "notice_version": Screen("Version of the notice", "Shows what one version says of data, and its history."),
    "review_version": Screen(
        "Review a version of the notice", "Takes on which law it rests, whom people may ask, and when to look again."
    ),
    "review_agreement": Screen("Review an agreement", "Takes on which law it rests, and when to look at it again."),
    "change_notice_version": Screen("Change a version of the notice", "Mends a version that nobody was given yet."),
    "frameworks": Screen("Frameworks", "Lists the eligibility frameworks that the program knows."),
    "framework": Screen("Framework", "Shows the headline problems and indicators of one framework."),
}
