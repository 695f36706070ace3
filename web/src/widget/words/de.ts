import type { Words } from "./words.ts";

/** Which of them it was helps a visitor little. */
const held = "Hier wurde etwas zurückgehalten oder verändert";

export const de: Words = {
  delivery: {
    sending: "Wird gesendet",
    stored: "Gesendet",
    delivered: "Zugestellt",
    read: "Gelesen",
    failed: "Nicht gesendet",
  },
  marks: {
    waiting: "Lässt sich noch nicht öffnen",
    gap: held,
    conflicting: held,
    unreadable: "Diese Nachricht lässt sich nicht öffnen",
    "removed-device": held,
    "beginning-missing": held,
  },
  send: "Senden",
  loading: "Wird geladen",
  latest: "Neueste Nachricht",
  safetyNumber: "Sicherheitsnummer",
  tooLong: "Um # Bytes zu lang. Senden Sie es in Teilen.",
  notKept:
    "Auf diesem Gerät ist kein Platz für die Nachricht; sie wurde nicht gesendet.",

  launcher: "Chat mit {}",
  unread: "Ungelesene Nachrichten",
  close: "Chat schließen",
  back: "Zurück",
  menu: "Mehr",
  lock: "Nur Sie und {} können das lesen",
  greeting: "Guten Tag, wie können wir helfen? Die Antwort finden Sie hier.",
  conversation: "Unterhaltung",
  placeholder: "Nachricht schreiben",
  you: "Sie",
  typing: "{} schreibt",
  offline: "Warten auf eine Verbindung.",
  kept: "Ihre Nachricht ist auf diesem Gerät aufgehoben.",
  ending:
    "Dieser Chat wurde nicht erneuert. Er könnte bald nicht mehr funktionieren.",
  closed:
    "Diese Unterhaltung ist geschlossen. Schreiben Sie, um sie wieder zu öffnen.",
  deleted: "Diese Unterhaltung ist gelöscht.",
  blocked: "Diese Unterhaltung ist gesperrt.",
  anew: "Mit einer neuen Nachricht beginnt eine neue.",
  storageFailed:
    "Dieser Browser lässt den Chat nichts speichern; deshalb geht er hier nicht.",

  safetyTitle: "Privat, und wie Sie sichergehen",
  safetyHow:
    "Ihre Nachrichten werden auf diesem Gerät verschlossen, und nur {} hat den Schlüssel. Der Dienst, der sie befördert, kann sie nicht lesen.",
  safetyCompare:
    "Vergleichen Sie diese Nummer mit {}, etwa am Telefon. Sehen beide dieselbe, ist niemand dazwischen.",

  goOn: "Auf anderem Gerät fortsetzen",
  goOnText:
    "Geben Sie diesen Code dort ein: im Menü des Chats, „Ich habe einen Code“. Wer ihn hat, kann hier lesen und schreiben.",
  copyCode: "Kopieren",
  copied: "Kopiert",
  haveCode: "Ich habe einen Code",
  enter: "Fortsetzen",
  wrongCode: "Keine Unterhaltung hat diesen Code.",

  sound: "Ton",
  copy: "Kopie speichern",
  end: "Beenden und löschen",
  endText:
    "Alle Nachrichten werden von diesem Gerät und beim Dienst gelöscht. Was {} schon erhalten hat, bleibt dort.",

  unverified:
    "Der Chat dieser Seite konnte nicht überprüft werden; es wurde nichts gesendet.",
  unavailable: "Dieser Chat ist nicht verfügbar; es wurde nichts gesendet.",
  conflict:
    "Diese Unterhaltung passt nicht zusammen; es wird nichts mehr gesendet.",
  checkCode:
    "Bitten Sie den Betreiber, den Chat-Code auf dieser Seite zu prüfen.",
  otherWay: "Erreichen Sie den Betreiber auf anderem Weg, etwa am Telefon.",
  reload: "Laden Sie die Seite neu und versuchen Sie es noch einmal.",
};
