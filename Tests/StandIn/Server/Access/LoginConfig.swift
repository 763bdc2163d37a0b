import D2Common

/// `GET /api/loginConfig`, which reports the version without a sign-in.
enum LoginConfig {
  static func answer(_ version: ServerVersion) -> Response {
    .json(
      200,
      [
        "apiVersion": .string(version.name), "applicationTitle": "", "applicationDescription": "",
        "applicationNotification": "", "applicationLeftSideFooter": "", "applicationRightSideFooter": "",
        "countryFlag": "dhis2", "uiLocale": "en", "loginPopup": "", "loginPageLayout": "DEFAULT",
        "loginPageTemplate": "", "recaptchaSite": "6LcVwT0UAAAAAAkO_EGPiYOiymIszZUeHfqWIYX5", "minPasswordLength": "8",
        "maxPasswordLength": "72", "emailConfigured": false, "selfRegistrationEnabled": false,
        "selfRegistrationNoRecaptcha": false, "allowAccountRecovery": false, "useCustomLogoFront": false,
        "oidcProviders": [],
      ], type: version.jsonType)
  }
}
