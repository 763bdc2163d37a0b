/// Conflicts of registrations about compulsory values that the report lacks. A server stores such a registration all
/// the same, unless its data set has `compulsoryFieldsCompleteOnly` (docs/dhis2-servers.md, "Registrations").
enum CompulsoryValues {
  /// Whether a message is of that kind. It has no error code.
  static func areMissing(by message: String) -> Bool { message.hasSuffix(" needs to be filled. It is compulsory.") }

  /// What to do about a registration that was refused for it.
  static let hint =
    "Send the values of the report before its registration. If there are none, turn off compulsoryFieldsCompleteOnly of the data set at the destination, also to delete or withdraw the registration."
}
