import D2Common
